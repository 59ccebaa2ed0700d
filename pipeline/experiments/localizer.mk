# SPDX-License-Identifier: MIT
# The language network of models, found as in a scanner (sentences against nonword lists), and their sheets: tinystories-656k
# (random layout, by seed), the TopoLM pair topolm-small (sheets of its own), an untrained network of the same shape as the
# pair by seed, and SUMA. Own stimuli (stimuli/langloc-broca); token counts matched where they can be (METHODS 6.3).
NAME      := localizer
R         := results/$(NAME)
BIN       ?= build/bin
STIMULI   := stimuli/langloc-broca/stimuli.tsv
PAIR      := topolm-small topolm-small-control
MODELS    := $(PAIR) tinystories untrained suma
EXTRACT   := --pool mean --special no --layers sublayers
LOCALIZE  := --contrast S-N --split-half
TOPOGRAPHY := --smooth 2 --permutations 999

folder.topolm-small         := --model models/topolm-small-pytorch/topolm-small
folder.topolm-small-control := --model models/topolm-small-pytorch/topolm-small-control
folder.tinystories          := --model models/tinystories-656k
folder.untrained            := --model models/topolm-small-pytorch/topolm-small --untrained --seed 1
folder.suma                 := --arch suma,d=784,heads=98,cycles=2 --seed 1
layout.tinystories          := --layout random
layout.suma                 := --layout random
layout.untrained            := --layout random

.SECONDARY:
.SUFFIXES:
.PHONY: all
all: $(R)/report.html
	@echo "localizer: open $(R)/report.html"

# $(call stamp,NAME,VALUE): a file that changes only when a value changes
stamp = $(shell mkdir -p $(R)/.stamps; printf '%s\n' '$(2)' | cmp -s - $(R)/.stamps/$(1) || printf '%s\n' '$(2)' >$(R)/.stamps/$(1))$(R)/.stamps/$(1)

$(R)/stimuli.h5: $(STIMULI) $(BIN)/broca-import
	@mkdir -p $(R)
	$(BIN)/broca-import --from table --as stimuli $(STIMULI) --out $@

define one_model
$(R)/$(1).activations.h5: $(R)/stimuli.h5 $(BIN)/broca-extract $(call stamp,$(1).extract,$(folder.$(1)) $(EXTRACT))
	$(BIN)/broca-extract $(folder.$(1)) --stimuli $(R)/stimuli.h5 $(EXTRACT) --out $$@
endef
$(foreach m,$(MODELS),$(eval $(call one_model,$(m))))

$(R)/%.units.h5: $(R)/%.activations.h5 $(R)/stimuli.h5 $(BIN)/broca-localize $(call stamp,localize,$(LOCALIZE))
	$(BIN)/broca-localize --activations $< --stimuli $(R)/stimuli.h5 $(LOCALIZE) --out $@
$(R)/%.sheet.h5: $(R)/%.units.h5 $(R)/%.activations.h5 $(BIN)/broca-topography $(call stamp,topography,$(TOPOGRAPHY))
	$(BIN)/broca-topography --localizer $< --activations $(R)/$*.activations.h5 --stimuli $(R)/stimuli.h5 $(TOPOGRAPHY) $(layout.$*) --out $@

$(R)/report.html: $(MODELS:%=$(R)/%.sheet.h5) $(BIN)/broca-report
	$(BIN)/broca-report $(MODELS:%=--topography $(R)/%.sheet.h5) --title "Localizer and sheets" --out $@
