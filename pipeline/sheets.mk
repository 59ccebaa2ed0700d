# SPDX-License-Identifier: MIT
# Models' units on their sheets: own stimuli -> activations -> units -> maps, for each model of PAIR and each of CONTRASTS.
# An experiment sets, before it includes this file:
#
#   R, BIN         as in rules.mk
#   PAIR           names of models; folder.NAME: where each lies
#   CONTRASTS      of: localizer (sentences - nonwords, token counts as they are), matched (with counts matched), nounverb
#   TAPS           those with sheets
#
# sheets: the maps, $(R)/CONTRAST.MODEL.sheet.h5.

ITEMWISE   := --pool mean --special no --layers $(TAPS)
TOPOGRAPHY := --smooth 2 --permutations 999
items.localizer := langloc
items.matched   := langloc
items.nounverb  := wordlists
localize.localizer := --contrast S-N --match none --split-half
localize.matched   := --contrast S-N --match tokens --split-half
localize.nounverb  := --condition class --contrast noun-verb --match none --split-half
langloc.tsv   := stimuli/langloc-broca/stimuli.tsv
wordlists.tsv := stimuli/wordlists-broca/stimuli.tsv

# $(call stamp,NAME,VALUE): a file that changes only when a value changes
stamp = $(shell mkdir -p $(R)/.stamps; printf '%s\n' '$(2)' | cmp -s - $(R)/.stamps/$(1) || printf '%s\n' '$(2)' >$(R)/.stamps/$(1))$(R)/.stamps/$(1)

$(R)/langloc.h5 $(R)/wordlists.h5: $(R)/%.h5: $(langloc.tsv) $(wordlists.tsv) $(BIN)/broca-import
	$(BIN)/broca-import --from table --as stimuli $($*.tsv) --out $@

# $(call activations,FILE,FOLDER,ITEMS)
define activations
$(1): $(2)/model.safetensors $(R)/$(3).h5 $(BIN)/broca-extract $(call stamp,itemwise,$(ITEMWISE))
	$(BIN)/broca-extract --model $(2) --stimuli $(R)/$(3).h5 $(ITEMWISE) --out $$@
endef
$(foreach m,$(PAIR),$(foreach i,$(sort $(foreach c,$(CONTRASTS),$(items.$(c)))),$(eval $(call activations,$(R)/$(m).$(i).h5,$(folder.$(m)),$(i)))))

# $(call sheet,STEM,ACTIVATIONS,CONTRAST)
define sheet
$(1).units.h5: $(2) $(R)/$(items.$(3)).h5 $(BIN)/broca-localize $(call stamp,localize.$(3),$(localize.$(3)))
	$(BIN)/broca-localize --activations $(2) --stimuli $(R)/$(items.$(3)).h5 $(localize.$(3)) --out $$@
$(1).sheet.h5: $(1).units.h5 $(2) $(R)/$(items.$(3)).h5 $(BIN)/broca-topography $(call stamp,topography,$(TOPOGRAPHY))
	$(BIN)/broca-topography --localizer $$< --activations $(2) --stimuli $(R)/$(items.$(3)).h5 $(TOPOGRAPHY) --out $$@
endef
$(foreach m,$(PAIR),$(foreach c,$(CONTRASTS),$(eval $(call sheet,$(R)/$(c).$(m),$(R)/$(m).$(items.$(c)).h5,$(c)))))
sheets := $(foreach c,$(CONTRASTS),$(PAIR:%=$(R)/$(c).%.sheet.h5))
