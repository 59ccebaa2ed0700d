# SPDX-License-Identifier: MIT
# A smoothness loss added to next-token training makes maps: a TopoLM and its control (alpha 0), same seed, data and order, on
# their sheets by the strict protocol of METHODS 8.12, and beside each other on the brains of alice2016.
#
#   make topolm               the committed pair, models/topolm-small and models/topolm-small-control
#   make topolm SIZE=mini     trains a miniature pair first (minutes)
#   make topolm SIZE=full     trains the committed pair again (an hour or two on two cores; killed, it goes on where it was)
#   make topolm-sweep         short runs over alpha: results/topolm/alpha.tsv; SIZE=full whole ones: results/topolm-full/alpha.tsv.
#                             The committed ones, which are drawn: models/topolm-small/alpha.tsv
# Where alice2016 is not at hand the page has training and sheets only.
SIZE  ?= committed
comma := ,
NAME  := topolm$(if $(filter-out committed,$(SIZE)),-$(SIZE))
R     := results/$(NAME)
BIN   ?= build/bin
PAIR  := topolm control
TEXTS := stimuli/obtained/eltec-eng

# what decides the weights; --threads changes none of them
CORPUS       := --train-bpe 4096 --validation .05 --seed 1
arch.full    := topolm,layers=4,width=196,heads=4,context=128,sheet=14x14
plan.full    := steps=7400,windows=16,warmup=200,peak=1e-3,floor=1e-4
arch.sweep   := $(arch.full)
arch.mini    := topolm,layers=2,width=100,heads=4,context=128,sheet=10x10,radius=4
plan.mini    := steps=300,windows=16,warmup=50,peak=1e-3,floor=1e-4
plan.sweep   := steps=200,windows=16,warmup=50,peak=1e-3,floor=1e-4
# short runs need less of it (models/topolm-small/alpha.tsv)
alpha.topolm  := $(if $(filter mini,$(SIZE)),.25,1)
alpha.control := 0
SWEEP        := $(if $(filter full,$(SIZE)),full,sweep)
ALPHAS       := $(if $(filter full,$(SWEEP)),0 .25 1 2.5,0 .05 .25 1 2.5)

folder.committed.topolm  := models/topolm-small
folder.committed.control := models/topolm-small-control
folder.topolm  := $(or $(folder.$(SIZE).topolm),$(R)/topolm-small)
folder.control := $(or $(folder.$(SIZE).control),$(R)/topolm-small-control)

# maps: sentences - nonwords as they are, the same with token counts matched, nouns - verbs; of both models
CONTRASTS     := localizer matched nounverb
BLOCKS        := $(if $(filter mini,$(SIZE)),h.0-1,h.0-3)
TAPS          := $(BLOCKS).attn$(comma)$(BLOCKS).mlp
ITEMS         := langloc
MORE_ITEMS    := wordlists
source.langloc   := stimuli/langloc-broca/stimuli.tsv
source.wordlists := stimuli/wordlists-broca/stimuli.tsv
items.langloc    := --from table $(source.langloc)
items.wordlists  := --from table $(source.wordlists)
options.localizer := --contrast S-N --match none --split-half
options.matched   := --contrast S-N --match tokens --split-half
options.nounverb  := --condition class --contrast noun-verb --match none --split-half
NETWORK_EXTRACT    := --pool mean --special no --layers $(TAPS)
NETWORK_TOPOGRAPHY := --smooth 2 --permutations 999

.SECONDARY:
.SUFFIXES:
.PHONY: all sweep
all: $(R)/report.html
	@echo "$(NAME): open $(R)/report.html"

# $(call stamp,NAME,VALUE): a file that changes only when a value changes
stamp = $(shell mkdir -p $(R)/.stamps; printf '%s\n' '$(2)' | cmp -s - $(R)/.stamps/$(1) || printf '%s\n' '$(2)' >$(R)/.stamps/$(1))$(R)/.stamps/$(1)

# ---- training ----

results/topolm/novels.tok: $(TEXTS)/index.tsv $(BIN)/broca-corpus $(call stamp,corpus,$(CORPUS))
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

# ---- maps on sheets ----

# $(call map,NAME,FOLDER,CONTRAST)
define map
NETWORKS += $(1)
folder.$(1) := --model $(2)
localize.$(1) := $(options.$(3))
set.$(1) := $(if $(filter nounverb,$(3)),wordlists)
$(R)/$(1).activations.h5: $(2)/model.safetensors
endef
ifneq ($(filter sweep,$(MAKECMDGOALS)),)
$(foreach a,$(ALPHAS),$(eval $(call train,$(R)/sweep/$(a),$(a),$(SWEEP))))
$(foreach a,$(ALPHAS),$(eval $(call map,sweep.$(a),$(R)/sweep/$(a),localizer)))
else
$(foreach c,$(CONTRASTS),$(foreach m,$(PAIR),$(eval $(call map,$(c).$(m),$(folder.$(m)),$(c)))))
endif
SHEETS := $(NETWORKS)
include pipeline/network.mk

logs   := $(foreach m,$(PAIR),$(folder.$(m))/train_log.tsv)
ALPHA  := $(wildcard models/topolm-small/alpha.tsv)
PARTS   = $(network_options) $(foreach m,$(PAIR),--training $(m)=$(folder.$(m))/train_log.tsv) $(if $(ALPHA),--sweep $(ALPHA))
$(logs): %/train_log.tsv: | %/model.safetensors
$(R)/report.html: $(networks) $(sheets) $(logs) $(ALPHA)

# ---- both models on the same brains, where the data are (as alice.mk says) ----

ALICE := $(wildcard fmri/alice2016/alice_data_shared)
ifdef ALICE
STIMULI   := --from alice fmri/alice2016
RESPONSES := --from alice --radius 6 fmri/alice2016
EXTRACT   := --context window:128 --pool word --layers $(BLOCKS)
UNTRAINED := --untrained --model $(folder.topolm)
SEEDS     := 1 2 3
BASELINE  := rate=$(R)/stimuli.h5:word_rate sndpwr=$(R)/predictors.h5:sndpwr
SERIES    := --drop-start 10 --highpass 128 --confounds motion --folds contiguous:6,gap=10
ENCODE    := $(SERIES) --delays 2s,4s,6s,8s --delays sndpwr=0 --candidates 20
CEILING   := $(SERIES)
# blocks of the story left out, for intervals and for the difference of the two models
ENCODE.group  := --jackknife 30s
ENCODE.single := --jackknife 30s
SCORE     := --against control
DATA      := $(wildcard fmri/alice2016/*/*.TextGrid fmri/alice2016/*/6mm/*.txt fmri/alice2016/*/*-rp_*.txt)
REPORT    := --title "A TopoLM and its control: sheets, and 27 listeners to Alice in Wonderland" $(PARTS)
override models   = $(PAIR:%=$(R)/%.alice.h5) $(untrained)
override features = $(foreach m,$(PAIR),--features $(m)=$(R)/$(m).alice.h5) $(foreach s,$(SEEDS),--features untrained.s$(s)=$(R)/untrained.s$(s).h5)
all: report
include pipeline/rules.mk
$(R)/predictors.h5: $(DATA) $(BIN)/broca-import
	$(BIN)/broca-import --from alice --as features fmri/alice2016 --out $@
define alice
$(R)/$(1).alice.h5: $(folder.$(1))/model.safetensors $(R)/stimuli.h5 $(BIN)/broca-extract $(call stamp,extract,$(EXTRACT))
	$(BIN)/broca-extract --model $(folder.$(1)) --stimuli $(R)/stimuli.h5 $(EXTRACT) --out $$@
endef
$(foreach m,$(PAIR),$(eval $(call alice,$(m))))
else
$(R)/report.html: $(BIN)/broca-report
	$(BIN)/broca-report $(PARTS) --title "A TopoLM and its control: training and sheets" --out $@
endif
# ---- the sweep over alpha: loss against topography ----

# alpha, steps, losses on held-out text at the end, unsmoothed queen I over the sheets of the localizer's t map
sweep: $(ALPHAS:%=$(R)/sweep.%.sheet.h5) | $(BIN)/broca-export
	@printf 'alpha\tsteps\tvalidation_ce\tvalidation_spatial\tmoran_mean\tmoran_least\tmoran_most\tp_most\n' >$(R)/alpha.tsv
	@for a in $(ALPHAS); do \
	  for d in I p; do $(BIN)/broca-export --quiet $(R)/sweep.$$a.sheet.h5 --dataset table/$$d --to tsv --out $(R)/sweep/$$d.tsv || exit 1; done; \
	  tail -n 1 $(R)/sweep/$$a/train_log.tsv >$(R)/sweep/last.tsv; \
	  awk -F '\t' -v OFS='\t' -v a=$$a 'FILENAME ~ /last/ { n = $$1 + 1; ce = $$9; sl = $$11; next } FNR == 1 { next } \
	    FILENAME ~ /I.tsv/ { s += $$1; k++; if (k == 1 || $$1 < lo) lo = $$1; if (k == 1 || $$1 > hi) hi = $$1; next } { if ($$1 > p) p = $$1 } \
	    END { printf "%s\t%d\t%.4f\t%.4f\t%.4f\t%.4f\t%.4f\t%.4g\n", a, n, ce, sl, s / k, lo, hi, p }' \
	    $(R)/sweep/last.tsv $(R)/sweep/I.tsv $(R)/sweep/p.tsv >>$(R)/alpha.tsv || exit 1; done; cat $(R)/alpha.tsv
