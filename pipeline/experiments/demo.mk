# SPDX-License-Identifier: MIT
# The path of alice.mk with nothing that others made: the project's own story, listeners with planted truth, models by seed.
NAME      := demo
STIMULI   := --from words stimuli/simulated-story/words.tsv
# the "trained" model is the one (seed 7) whose features drive the simulated listeners; the others are the same by other seeds
ARCH      := --arch gpt2,layers=2,width=32,heads=4,context=512,tokenizer=bytes
MODEL     := $(ARCH) --seed 7
UNTRAINED := $(ARCH)
SEEDS     := 1 2 3 4 5
EXTRACT   := --context window:512 --pool word --layers all
BASELINE  := rate=results/demo/stimuli.h5:word_rate
SERIES    := --drop-start 5 --highpass 128 --confounds motion --folds contiguous:6,gap=10
ENCODE    := $(SERIES) --delays 2s,4s,6s,8s --candidates 20
# intervals and p, for the mean over listeners; intervals for single ones (METHODS 5.6, 5.7)
ENCODE.group  := --jackknife 30s --null circular:99 --null-sets trained
ENCODE.single := --jackknife 30s
CEILING   := $(SERIES)
SIMULATE  := --signal .15 --baseline .05 --specific .05 --motion .05 --ar .4 --neuroids 4 --tr 2 \
             --highpass 128 --filter-blocks 6 --drop-start 5 --motion-removed
REPORT     = --title "Simulated listeners with planted truth" --truth results/demo/responses.h5 \
             --population results/demo/population.scores.h5 $(network_options)
# the language networks of these models, by the project's own localizer
R          := results/demo
ITEMS      := own
source.own := stimuli/langloc-broca/stimuli.tsv
items.own  := --from table $(source.own)
NETWORKS   := planted $(SEEDS:%=untrained.s%)
SHEETS     :=
NETWORK_EXTRACT    :=
NETWORK_LOCALIZE   := --contrast S-N --split-half
folder.planted     := $(MODEL)
$(foreach s,$(SEEDS),$(eval folder.untrained.s$(s) := $(ARCH) --seed $(s)))
include pipeline/network.mk
include pipeline/rules.mk
$(R)/report.html: $(networks)

$(R)/responses.h5: $(R)/stimuli.h5 $(R)/trained.h5 $(BIN)/broca-simulate $(call stamp,responses,$(SIMULATE))
	$(BIN)/broca-simulate --stimuli $(R)/stimuli.h5 --features $(R)/trained.h5:h.1 --subjects 20 $(SIMULATE) --out $@

# 200 more listeners of the same kind (other numbers, same planted signals): their mean score is what to expect of 20
$(R)/population.h5: $(R)/stimuli.h5 $(R)/trained.h5 $(BIN)/broca-simulate $(call stamp,responses,$(SIMULATE))
	$(BIN)/broca-simulate --stimuli $(R)/stimuli.h5 --features $(R)/trained.h5:h.1 --first-subject 1001 --subjects 200 \
	  $(SIMULATE) --out $@
$(R)/population.encoding.h5: $(R)/population.h5 $(R)/trained.h5 $(R)/stimuli.h5 $(BIN)/broca-encode $(call stamp,encoding,$(BASELINE) $(ENCODE) $(SEEDS))
	$(BIN)/broca-encode --responses $< --features trained=$(R)/trained.h5 --features $(BASELINE) --baseline rate --target single \
	  $(ENCODE) --out $@
$(R)/population.scores.h5: $(R)/population.encoding.h5 $(BIN)/broca-score
	$(BIN)/broca-score --encoding $< --out $@
$(R)/report.html: $(R)/population.scores.h5
