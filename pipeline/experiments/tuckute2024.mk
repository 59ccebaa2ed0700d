# SPDX-License-Identifier: MIT
# What does a trained language model add to length and item number, when five people read 1,000 sentences?
# tuckute2024 (Tuckute et al. 2024): six left regions, the mean of five people; lang_LH_netw holds the voxels of the other five.
NAME      := tuckute2024
TABLE     := fmri/tuckute2024/bold_response_LH.csv.gz --column id=item_id --column text=sentence
STIMULI   := --from table $(TABLE) --group similar
RESPONSES := --from table $(TABLE) --subject "mean of 5 people"
MODEL     := --model models/tinystories-656k
UNTRAINED := --untrained --model models/tinystories-656k
SEEDS     := 1 2 3 4 5
EXTRACT   := --context none --pool last --layers all
BASELINE  := length=results/tuckute2024/stimuli.h5:item_characters,item_words number=results/tuckute2024/stimuli.h5:item_number
TARGETS   := single
# sentences that are nearly the same stay in one fold; groups are shuffled, since responses drift over the items
# blocks of 42 sentences are left out for the interval, groups of sentences permuted for p (METHODS 5.6, 5.7)
INFERENCE := --jackknife 42-items --null group:199 --null-sets trained
ENCODE    := --stimuli results/tuckute2024/stimuli.h5 --folds group:5,seed=1 --inner group:5,seed=1 --candidates 20 $(INFERENCE)
# published noise of one person, variance of the mean of five from the responses
CEILING   := --method snr --noise fmri/tuckute2024/NC-allroi-data_excerpt.csv --average 5 --folds none
DATA      := $(wildcard fmri/tuckute2024/*)
REPORT    := --title "1,000 sentences: tinystories-656k and the language network of five people" --roi lang_LH_netw \
             --replicate results/tuckute2024/replicate.h5
include pipeline/rules.mk

# beside it, what the paper's code reads: shuffled folds, raw activations, no baseline
$(R)/replicate.h5: $(models) $(R)/responses.h5 $(BIN)/broca-encode
	$(BIN)/broca-encode --mode replicate:tuckute2024 --responses $(R)/responses.h5 $(features) --out $@
$(R)/report.html: $(R)/replicate.h5
