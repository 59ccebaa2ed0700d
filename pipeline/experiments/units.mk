# SPDX-License-Identifier: MIT
# Do the units that a localizer selects predict listeners better than random units of the same layers? alice2016 and tinystories-656k as
# in alice.mk; units by the project's own sentences and non-words, a tenth of each layer; random: five sets of as many others.
NAME      := units
R         := results/units
STIMULI   := --from alice fmri/alice2016
RESPONSES := --from alice --radius 6 fmri/alice2016
MODEL     := --model models/tinystories-656k
SEEDS     :=
RANDOM    := 1 2 3 4 5
LAYERS    := h.0,h.1
EXTRACT   := --context window:512 --pool word --layers $(LAYERS)
BASELINE  := rate=$(R)/stimuli.h5:word_rate sndpwr=$(R)/predictors.h5:sndpwr
SERIES    := --drop-start 10 --highpass 128 --confounds motion --folds contiguous:6,gap=10
ENCODE    := $(SERIES) --delays 2s,4s,6s,8s --delays sndpwr=0 --candidates 20 --jackknife 30s
CEILING   := $(SERIES)
SCORE     := --against random
DATA      := $(wildcard fmri/alice2016/*/*.TextGrid fmri/alice2016/*/6mm/*.txt fmri/alice2016/*/*-rp_*.txt)
REPORT     = --title "Localizer-selected units and random ones of the same layers" $(network_options)

ITEMS      := own
source.own := stimuli/langloc-broca/stimuli.tsv
items.own  := --from table $(source.own)
NETWORKS   := tinystories
folder.tinystories := $(MODEL)
NETWORK_EXTRACT    := --layers $(LAYERS)
NETWORK_LOCALIZE   := --contrast S-N --per layer --select top:10% --controls $(words $(RANDOM)) --split-half
# sets of a seed's name are summed up as one model; controls are numbered from 0
control     = $(words $(wordlist 2,$(1),$(RANDOM)))
UNITS      := $(R)/tinystories.units.h5
MORE_FILES := $(UNITS)
MORE       := --features selected=$(R)/trained.h5:$(LAYERS) --units selected=$(UNITS) \
              $(foreach k,$(RANDOM),--features random.s$(k)=$(R)/trained.h5:$(LAYERS) --units random.s$(k)=$(UNITS):control.$(call control,$(k)))

include pipeline/network.mk
include pipeline/rules.mk

$(R)/report.html: $(networks)
$(R)/predictors.h5: $(DATA) $(BIN)/broca-import
	$(BIN)/broca-import --from alice --as features fmri/alice2016 --out $@
