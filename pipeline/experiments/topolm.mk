# SPDX-License-Identifier: MIT
# A smoothness loss added to next-token training makes maps: a TopoLM and its control (alpha 0), same seed, data and order, on
# their sheets by the strict protocol of METHODS 8.12, and beside each other on the brains of alice2016.
#
#   make topolm               the committed pair, models/topolm-small and models/topolm-small-control
#   make topolm SIZE=mini     trains a miniature pair first (minutes)
#   make topolm SIZE=full     trains the committed pair again (an hour or two on two cores; killed, it goes on where it was)
#   make topolm-sweep         short runs over alpha: models/topolm-small/alpha.tsv, which the report draws
SIZE  ?= committed
NAME  := topolm$(if $(filter-out committed,$(SIZE)),-$(SIZE))
R     := results/$(NAME)
BIN   ?= build/bin
PAIR  := topolm control
TEXTS := stimuli/obtained/eltec-eng

# what decides the weights; --threads changes none of them
CORPUS       := --train-bpe 4096 --validation .05 --seed 1
arch.full    := topolm,layers=4,width=196,heads=4,context=128,sheet=14x14
plan.full    := steps=7400,windows=16,warmup=200,peak=1e-3,floor=1e-4
arch.mini    := topolm,layers=2,width=100,heads=4,context=128,sheet=10x10
plan.mini    := steps=300,windows=16,warmup=50,peak=1e-3,floor=1e-4
plan.sweep   := steps=200,windows=16,warmup=50,peak=1e-3,floor=1e-4
alpha.topolm  := .25
alpha.control := 0
ALPHAS       := 0 .05 .25 1 2.5

folder.committed.topolm  := models/topolm-small
folder.committed.control := models/topolm-small-control
folder.topolm  := $(or $(folder.$(SIZE).topolm),$(R)/topolm-small)
folder.control := $(or $(folder.$(SIZE).control),$(R)/topolm-small-control)

EXTRACT    := --pool mean --special no --layers sublayers
TOPOGRAPHY := --smooth 2 --permutations 999
# sentences - nonwords as they are, and with token counts matched; nouns - verbs
CONTRASTS  := localizer matched nounverb
items.localizer := langloc
items.matched   := langloc
items.nounverb  := words
localize.localizer := --contrast S-N --match none --split-half
localize.matched   := --contrast S-N --match tokens --split-half
localize.nounverb  := --condition class --contrast noun-verb --match none --split-half

.DELETE_ON_ERROR:
.SECONDARY:
.SUFFIXES:
.PHONY: all sweep
all: $(R)/report.html
	@echo "topolm: open $(R)/report.html"

# $(call stamp,NAME,VALUE): a file that changes only when a value changes
stamp = $(shell mkdir -p $(R)/.stamps; printf '%s\n' '$(2)' | cmp -s - $(R)/.stamps/$(1) || printf '%s\n' '$(2)' >$(R)/.stamps/$(1))$(R)/.stamps/$(1)

# ---- training ----

$(TEXTS)/index.tsv:
	pipeline/fetch eltec-eng
results/topolm/novels.tok: $(TEXTS)/index.tsv $(BIN)/broca-corpus
	@mkdir -p $(@D)
	$(BIN)/broca-corpus $(CORPUS) --out $@ $(TEXTS)/ENG*.txt

# $(call train,FOLDER,ALPHA,KIND). A program built anew does not train anew: it is here for order only.
define train
$(1)/model.safetensors: results/topolm/novels.tok $(call stamp,train.$(notdir $(1)),$(arch.$(3)) $(plan.$(3)) $(2)) | $(BIN)/broca-train
	$(BIN)/broca-train --corpus $$< --arch $(arch.$(3)),alpha=$(2) --plan $(plan.$(3)) --seed 1 --weights f16 --out $(1) --resume
	rm -r $(1)/checkpoint
endef
ifneq ($(SIZE),committed)
$(foreach m,$(PAIR),$(eval $(call train,$(folder.$(m)),$(alpha.$(m)),$(SIZE))))
endif

# ---- sheets: activations, units, maps ----

langloc.tsv := stimuli/langloc-broca/stimuli.tsv
words.tsv   := stimuli/wordlists-broca/stimuli.tsv
$(R)/langloc.h5 $(R)/words.h5: $(R)/%.h5: $(langloc.tsv) $(words.tsv) $(BIN)/broca-import
	@mkdir -p $(R)
	$(BIN)/broca-import --from table --as stimuli $($*.tsv) --out $@

# $(call activations,FILE,FOLDER,ITEMS)
define activations
$(1): $(2)/model.safetensors $(R)/$(3).h5 $(BIN)/broca-extract $(call stamp,extract,$(EXTRACT))
	@mkdir -p $$(@D)
	$(BIN)/broca-extract --model $(2) --stimuli $(R)/$(3).h5 $(EXTRACT) --out $$@
endef
$(foreach m,$(PAIR),$(foreach i,langloc words,$(eval $(call activations,$(R)/$(m).$(i).h5,$(folder.$(m)),$(i)))))

# $(call sheet,STEM,ACTIVATIONS,CONTRAST)
define sheet
$(1).units.h5: $(2) $(R)/$(items.$(3)).h5 $(BIN)/broca-localize $(call stamp,localize.$(3),$(localize.$(3)))
	$(BIN)/broca-localize --activations $(2) --stimuli $(R)/$(items.$(3)).h5 $(localize.$(3)) --out $$@
$(1).sheet.h5: $(1).units.h5 $(2) $(R)/$(items.$(3)).h5 $(BIN)/broca-topography $(call stamp,topography,$(TOPOGRAPHY))
	$(BIN)/broca-topography --localizer $$< --activations $(2) --stimuli $(R)/$(items.$(3)).h5 $(TOPOGRAPHY) --out $$@
endef
$(foreach m,$(PAIR),$(foreach c,$(CONTRASTS),$(eval $(call sheet,$(R)/$(c).$(m),$(R)/$(m).$(items.$(c)).h5,$(c)))))
sheets := $(foreach c,$(CONTRASTS),$(PAIR:%=$(R)/$(c).%.sheet.h5))

# ---- the sweep over alpha: short runs, loss against topography ----

define sweep_run
$(call train,$(R)/sweep/$(1),$(1),sweep)
$(call activations,$(R)/sweep/$(1).langloc.h5,$(R)/sweep/$(1),langloc)
$(call sheet,$(R)/sweep/$(1),$(R)/sweep/$(1).langloc.h5,localizer)
endef
arch.sweep := $(arch.full)
ifneq ($(filter sweep,$(MAKECMDGOALS)),)
$(foreach a,$(ALPHAS),$(eval $(call sweep_run,$(a))))
endif

# alpha, steps, losses on held-out text at the end, unsmoothed queen I over the sheets of the localizer's t map
sweep: $(ALPHAS:%=$(R)/sweep/%.sheet.h5) | $(BIN)/broca-export
	@printf 'alpha\tsteps\tvalidation_ce\tvalidation_spatial\tmoran_mean\tmoran_least\tmoran_most\tp_most\n' >$(R)/alpha.tsv
	@for a in $(ALPHAS); do \
	  for d in I p; do $(BIN)/broca-export --quiet $(R)/sweep/$$a.sheet.h5 --dataset table/$$d --to tsv --out $(R)/sweep/$$d.tsv || exit 1; done; \
	  tail -n 1 $(R)/sweep/$$a/train_log.tsv >$(R)/sweep/last.tsv; \
	  awk -F '\t' -v OFS='\t' -v a=$$a 'FILENAME ~ /last/ { n = $$1 + 1; ce = $$9; sl = $$11; next } FNR == 1 { next } \
	    FILENAME ~ /I.tsv/ { s += $$1; k++; if (k == 1 || $$1 < lo) lo = $$1; if (k == 1 || $$1 > hi) hi = $$1; next } { if ($$1 > p) p = $$1 } \
	    END { printf "%s\t%d\t%.4f\t%.4f\t%.4f\t%.4f\t%.4f\t%.4g\n", a, n, ce, sl, s / k, lo, hi, p }' \
	    $(R)/sweep/last.tsv $(R)/sweep/I.tsv $(R)/sweep/p.tsv >>$(R)/alpha.tsv || exit 1; done; cat $(R)/alpha.tsv
