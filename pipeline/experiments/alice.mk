# SPDX-License-Identifier: MIT
# Does a trained language model predict the brains of people who listen to a story, beyond word rate and sound power?
# alice2016 (Brennan et al. 2016): 27 of 28 listeners (s33 holds only zeros), six regions, 362 volumes of 2 s.
NAME      := alice
STIMULI   := --from alice fmri/alice2016
RESPONSES := --from alice --radius 6 fmri/alice2016
MODEL     := --model models/tinystories-656k
UNTRAINED := --untrained --model models/tinystories-656k
SEEDS     := 1 2 3 4 5
# tokens of this model span words, and the story is longer than its context: windows, a row a word (METHODS 2.4)
EXTRACT   := --context window:512 --pool word --layers all
# words per volume with the model's delays; sound power as published, already convolved, undelayed
BASELINE  := rate=results/alice/stimuli.h5:word_rate sndpwr=results/alice/predictors.h5:sndpwr
# the first ten volumes hold the change from silence to speech, which inflates everything (fmri/alice2016.md)
SERIES    := --drop-start 10 --highpass 128 --confounds motion --folds contiguous:6,gap=10
ENCODE    := $(SERIES) --delays 2s,4s,6s,8s --delays sndpwr=0 --candidates 20
# intervals: blocks of 30 s (and the group's listeners) left out, refitted; p: the trained model's fits to rotated responses. Rotations
# of 162 time courses cost as much as those of six: 20 are the fewest with which p can fall below .05
ENCODE    += --jackknife 30s --null-sets trained
ENCODE.group  := --null circular:199
ENCODE.single := --null circular:20
CEILING   := $(SERIES)
DATA      := $(wildcard fmri/alice2016/*/*.TextGrid fmri/alice2016/*/6mm/*.txt fmri/alice2016/*/*-rp_*.txt)
REPORT     = --title "Alice in Wonderland: tinystories-656k and 27 listeners" $(network_options) $(CALIBRATION:%=--calibration %)
# what make calibrate found on this path, once it has been run
CALIBRATION := $(wildcard results/checks/calibrate.tsv)

# The language networks of the models, by the project's own localizer: the model of this experiment, the TopoLM pair where it can
# be had (its sheets side by side), and SUMA (AlKhamissi et al. 2024), an untrained network of one block, 5 seeds: the half of
# its units that the localizer selects predicts, too (METHODS 7.2). SUMA is of moderate width here, with the tokens of
# tinystories-656k; the published one is d 4096, 512 heads, tokens of LLaMA-2.
R          := results/alice
ITEMS      := own
source.own := stimuli/langloc-broca/stimuli.tsv
items.own  := --from table $(source.own)
PAIR       := $(if $(wildcard models/topolm-small-pytorch/topolm-small/topography.safetensors),topolm-small topolm-small-control)
NETWORKS   := tinystories $(PAIR) $(SEEDS:%=suma.s%)
SHEETS     := $(PAIR)
SUMA       := --arch suma,d=512,heads=64,cycles=2,vocab=2048,tokenizer=models/tinystories-656k --layers h.0.ln_1,h.0.attn
NETWORK_EXTRACT    := --layers sublayers
NETWORK_LOCALIZE   := --contrast S-N --split-half
NETWORK_TOPOGRAPHY := --permutations 999
folder.tinystories := $(MODEL)
$(foreach m,$(PAIR),$(eval folder.$(m) := --model models/topolm-small-pytorch/$(m))$(eval extract.$(m) := --pool mean --special no --layers sublayers))
$(foreach s,$(SEEDS),$(eval folder.suma.s$(s) := $(SUMA) --seed $(s))$(eval extract.suma.s$(s) := --pool last))
$(foreach s,$(SEEDS),$(eval localize.suma.s$(s) := --contrast S-N --select top:50% --split-half))
MORE_FILES := $(foreach s,$(SEEDS),results/alice/story.suma.s$(s).h5 results/alice/suma.s$(s).units.h5)
MORE       := $(foreach s,$(SEEDS),--features suma.s$(s)=results/alice/story.suma.s$(s).h5:h.0.ln_1,h.0.attn --units suma.s$(s)=results/alice/suma.s$(s).units.h5)

include pipeline/network.mk
include pipeline/rules.mk

$(R)/report.html: $(networks) $(sheets) $(CALIBRATION)
$(R)/predictors.h5: $(DATA) $(BIN)/broca-import
	$(BIN)/broca-import --from alice --as features fmri/alice2016 --out $@
$(R)/story.suma.s%.h5: $(R)/stimuli.h5 $(BIN)/broca-extract $(call stamp,suma,$(SUMA))
	$(BIN)/broca-extract $(SUMA) --seed $* --stimuli $< --context window:512 --pool word --out $@
