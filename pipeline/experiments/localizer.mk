# SPDX-License-Identifier: MIT
# The language network of models, found as in a scanner (sentences against lists of nonwords), and their sheets: tinystories-656k,
# the TopoLM pair topolm-small (sheets of its own), networks of their shapes untrained by 5 seeds, and SUMA by 5 seeds (random
# layouts). Own stimuli (stimuli/langloc-broca) and, where they can be had, the published ones; token counts are matched where
# they can be (METHODS 6.3). Word contrasts (stimuli/wordlists-broca) on the sheets of the pair.
NAME      := localizer
R         := results/$(NAME)
BIN       ?= build/bin
SEEDS     := 1 2 3 4 5
PAIR      := topolm-small topolm-small-control
UNTRAINED := $(SEEDS:%=untrained.s%) $(SEEDS:%=untrained-stories.s%)
SUMA      := $(SEEDS:%=suma.s%)
NETWORKS  := $(PAIR) tinystories $(UNTRAINED) $(SUMA)
SHEETS    := $(PAIR) tinystories untrained.s1 suma.s1
ITEMS     := own $(if $(wildcard stimuli/obtained/langloc/langloc_fmri_run2_stim_set5.csv),published)
items.own       := --from table stimuli/langloc-broca/stimuli.tsv
source.own      := stimuli/langloc-broca/stimuli.tsv
items.published := --from langloc stimuli/obtained/langloc
source.published := $(wildcard stimuli/obtained/langloc/langloc_fmri_*.csv)
NETWORK_EXTRACT    := --pool mean --special no --layers sublayers
NETWORK_LOCALIZE   := --contrast S-N --split-half --controls 100
NETWORK_TOPOGRAPHY := --smooth 2 --permutations 999

folder.topolm-small         := --model models/topolm-small-pytorch/topolm-small
folder.topolm-small-control := --model models/topolm-small-pytorch/topolm-small-control
folder.tinystories          := --model models/tinystories-656k
$(foreach s,$(SEEDS),$(eval folder.untrained.s$(s) := --model models/topolm-small-pytorch/topolm-small --untrained --seed $(s)))
$(foreach s,$(SEEDS),$(eval folder.untrained-stories.s$(s) := --model models/tinystories-656k --untrained --seed $(s)))
# of moderate width, with the tokens of tinystories-656k; the published one is d 4096, 512 heads, LLaMA-2 tokens
$(foreach s,$(SEEDS),$(eval folder.suma.s$(s) := --arch suma,d=784,heads=98,cycles=2,vocab=2048,tokenizer=models/tinystories-656k --seed $(s)))
# the sheets of the pair were trained on means over tokens; elsewhere the last token of the whole item is read
$(foreach m,tinystories $(SEEDS:%=untrained-stories.s%),$(eval extract.$(m) := --layers sublayers))
# the half of two taps, as published (METHODS 7.2)
$(foreach m,$(SUMA),$(eval extract.$(m) := --layers h.0.ln_1,h.0.attn)$(eval localize.$(m) := --contrast S-N --select top:50% --split-half))

.SECONDARY:
.SUFFIXES:
.PHONY: all
all: $(R)/report.html
	@echo "localizer: open $(R)/report.html"
include pipeline/network.mk

# ---- word contrasts on the sheets of the pair ----
WORDS      := noun-verb:class concrete-abstract:concreteness animal-artefact:category
contrast    = $(firstword $(subst :, ,$(1)))
$(R)/words.h5: stimuli/wordlists-broca/stimuli.tsv $(BIN)/broca-import
	@mkdir -p $(R)
	$(BIN)/broca-import --from table --as stimuli $< --out $@
$(PAIR:%=$(R)/%.words.activations.h5): $(R)/%.words.activations.h5: $(R)/words.h5 $(BIN)/broca-extract $(call stamp,words.extract,$(NETWORK_EXTRACT))
	$(BIN)/broca-extract $(folder.$*) --stimuli $< $(NETWORK_EXTRACT) --out $@
define word_contrast
$(R)/$(1).$(call contrast,$(2)).units.h5: $(R)/$(1).words.activations.h5 $(R)/words.h5 $(BIN)/broca-localize
	$(BIN)/broca-localize --activations $$< --stimuli $(R)/words.h5 --condition $(lastword $(subst :, ,$(2))) --contrast $(call contrast,$(2)) \
	  --split-half --out $$@
$(R)/$(1).$(call contrast,$(2)).sheet.h5: $(R)/$(1).$(call contrast,$(2)).units.h5 $(R)/$(1).words.activations.h5 $(BIN)/broca-topography \
                                          $(call stamp,topography,$(NETWORK_TOPOGRAPHY))
	$(BIN)/broca-topography --localizer $$< --activations $(R)/$(1).words.activations.h5 --stimuli $(R)/words.h5 $(NETWORK_TOPOGRAPHY) --out $$@
endef
$(foreach m,$(PAIR),$(foreach c,$(WORDS),$(eval $(call word_contrast,$(m),$(c)))))
word_sheets = $(foreach c,$(WORDS),$(foreach m,$(PAIR),$(R)/$(m).$(call contrast,$(c)).sheet.h5))

# brains beside, where their maps can be had
BRAINS := $(if $(and $(wildcard fmri/nifti_words_contrast/Words_1.nii.gz),$(wildcard stimuli/obtained/parcels/fROI20_HE197.nii.gz)),\
            results/brain/words_in_language.h5 results/brain/words_in_demand.h5)
results/brain/%.h5: $(BIN)/broca-import $(BIN)/broca-group
	$(MAKE) --no-print-directory -f pipeline/experiments/brain.mk BIN=$(BIN) $@

$(R)/report.html: $(networks) $(sheets) $(R)/words.html $(BRAINS) $(BIN)/broca-report
	$(BIN)/broca-report $(network_options) $(BRAINS:%=--maps %) --title "The language network of models, and their sheets" --out $@
$(R)/words.html: $(word_sheets) $(BIN)/broca-report
	$(BIN)/broca-report $(word_sheets:%.sheet.h5=--localizer %.units.h5) $(word_sheets:%=--topography %) --title "Word contrasts on sheets" --out $@
