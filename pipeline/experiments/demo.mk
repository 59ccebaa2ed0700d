# SPDX-License-Identifier: MIT
# The path of alice.mk with nothing that others made: the project's own story, listeners with planted truth, a model of our own.
NAME      := demo
STIMULI   := --from words stimuli/simulated-story/words.tsv
# The trained model is the TopoLM that this program trained; its features drive the simulated listeners. Its sheets and those
# of its control (the same without the spatial loss) are on the page, too.
MODEL     := --model models/topolm-small
UNTRAINED := --untrained --model models/topolm-small
SEEDS     := 1 2 3 4 5
EXTRACT   := --context window:128 --pool word --layers h.0-3
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
             --population results/demo/population.scores.h5 $(network_options) --sweep models/topolm-small/alpha.tsv \
             --training topolm=models/topolm-small/train_log.tsv --training control=models/topolm-small-control/train_log.tsv $(CALIBRATION:%=--calibration %)
# what make calibrate found, once it has been run
CALIBRATION := $(wildcard results/checks/calibrate.tsv)
# the language networks of these models, by the project's own localizer
R          := results/demo
ITEMS      := own
source.own := stimuli/langloc-broca/stimuli.tsv
items.own  := --from table $(source.own)
NETWORKS   := topolm control $(SEEDS:%=untrained.s%)
SHEETS     := topolm control
comma      := ,
NETWORK_EXTRACT    := --pool mean --special no --layers h.0-3.attn$(comma)h.0-3.mlp
NETWORK_LOCALIZE   := --contrast S-N --split-half
NETWORK_TOPOGRAPHY := --smooth 2 --permutations 999
folder.topolm      := $(MODEL)
folder.control     := --model models/topolm-small-control
$(foreach s,$(SEEDS),$(eval folder.untrained.s$(s) := $(UNTRAINED) --seed $(s)))
include pipeline/network.mk
include pipeline/rules.mk
$(R)/report.html: $(networks) $(sheets) $(CALIBRATION)

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
