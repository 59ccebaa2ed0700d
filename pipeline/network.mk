# SPDX-License-Identifier: MIT
# The language network of models and their sheets, for an experiment to include (before rules.mk, if it includes that). It sets
#
#   R            where products go;  BIN  the programs
#   NETWORKS     names of models;    folder.NAME  options of broca extract that name the model
#   SHEETS       those whose maps are laid on a sheet
#   ITEMS        names of stimulus sets, the first selects for the others to be compared with; items.NAME options of broca import;
#                set.NAME: the set of a model that has one of its own (of ITEMS, or of MORE_ITEMS, which compares with nothing)
#   source.NAME  the file or folder that is imported
#   NETWORK_EXTRACT, NETWORK_LOCALIZE, NETWORK_TOPOGRAPHY    options of these stages; extract.NAME, localize.NAME those of a model
#
# and gets $(networks): $(R)/NAME.units.h5 over the first set, $(R)/NAME.SET.units.h5 over the others, $(sheets): $(R)/NAME.sheet.h5,
# and $(network_options): what broca report takes.

BIN ?= build/bin
# $(call stamp,NAME,VALUE): a file that changes only when a value changes
stamp ?= $(shell mkdir -p $(R)/.stamps; printf '%s\n' '$(2)' | cmp -s - $(R)/.stamps/$(1) || printf '%s\n' '$(2)' >$(R)/.stamps/$(1))$(R)/.stamps/$(1)
network_extract  = $(or $(extract.$(1)),$(NETWORK_EXTRACT))
network_localize = $(or $(localize.$(1)),$(NETWORK_LOCALIZE))
network_items    = $(or $(set.$(1)),$(firstword $(ITEMS)))
network_more    = $(wordlist 2,$(words $(ITEMS)),$(ITEMS))
networks        = $(foreach m,$(NETWORKS),$(R)/$(m).units.h5)
sheets          = $(foreach m,$(SHEETS),$(R)/$(m).sheet.h5)
network_options = $(networks:%=--localizer %) $(sheets:%=--topography %)

define network_set
$(R)/items.$(1).h5: $(source.$(1)) $(BIN)/broca-import $$(call stamp,items.$(1),$(items.$(1)))
	$(BIN)/broca-import --as stimuli $(items.$(1)) --out $$@
endef
# name, set, and what stands between the name and the kind
define network_activations
$(R)/$(1)$(3).activations.h5: $(R)/items.$(2).h5 $(BIN)/broca-extract $$(call stamp,$(1).extract,$(folder.$(1)) $(call network_extract,$(1)))
	$(BIN)/broca-extract $(folder.$(1)) --stimuli $$< $(call network_extract,$(1)) --out $$@
endef
define network_other
$(call network_activations,$(1),$(2),.$(2))
$(R)/$(1).$(2).units.h5: $(R)/$(1).$(2).activations.h5 $(R)/items.$(2).h5 $(BIN)/broca-localize $$(call stamp,$(1).localize,$(call network_localize,$(1)))
	$(BIN)/broca-localize --activations $$< --stimuli $(R)/items.$(2).h5 $(call network_localize,$(1)) --out $$@
endef
define network_model
$(call network_activations,$(1),$(call network_items,$(1)),)
$(R)/$(1).units.h5: $(R)/$(1).activations.h5 $(R)/items.$(call network_items,$(1)).h5 $(network_more:%=$(R)/$(1).%.units.h5) $(BIN)/broca-localize \
                    $$(call stamp,$(1).localize,$(call network_localize,$(1)))
	$(BIN)/broca-localize --activations $$< --stimuli $(R)/items.$(call network_items,$(1)).h5 $(call network_localize,$(1)) \
	  $(network_more:%=--against $(R)/$(1).%.units.h5) --out $$@
$(R)/$(1).sheet.h5: $(R)/$(1).units.h5 $(R)/$(1).activations.h5 $(BIN)/broca-topography $$(call stamp,topography,$(NETWORK_TOPOGRAPHY))
	$(BIN)/broca-topography --localizer $$< --activations $(R)/$(1).activations.h5 --stimuli $(R)/items.$(call network_items,$(1)).h5 \
	  $(NETWORK_TOPOGRAPHY) --out $$@
endef
$(foreach i,$(ITEMS) $(MORE_ITEMS),$(eval $(call network_set,$(i))))
$(foreach m,$(NETWORKS),$(eval $(call network_model,$(m))))
$(foreach m,$(NETWORKS),$(foreach i,$(network_more),$(eval $(call network_other,$(m),$(i)))))
