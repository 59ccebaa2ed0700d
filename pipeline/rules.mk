# SPDX-License-Identifier: MIT
# How each product of an experiment is made. An experiment sets a few variables and includes this file:
#
#   NAME         results/NAME/ is where products go
#   STIMULI      options of broca import for the stimuli
#   RESPONSES    options of broca import for the responses; or make $(R)/responses.h5 by a rule of its own
#   MODEL        options of broca extract that name the trained model: --model DIR
#   UNTRAINED    options that name the untrained one: --untrained --model DIR, or --arch ...
#   SEEDS        seeds of the untrained model: 1 2 3 4 5
#   EXTRACT      options of broca extract for both
#   BASELINE     feature sets of the baseline band: name=FILE:tap ...
#   MORE         further options of broca encode that name features and units; MORE_FILES the files that they name
#   TARGETS      group single
#   ENCODE       options of broca encode, ENCODE.group and ENCODE.single those of one target;  SCORE those of broca score;
#                CEILING those of broca ceiling;  REPORT those of broca report
#   DATA         files whose change redoes the import (obtained data)
#
# A product depends on its inputs, its program, and the values that decide its bytes: those are kept in a stamp file, written
# while make reads this file and only when a value differs. Products are made whole by their programs (temporary + rename), so
# that nothing has to be cleaned up after a kill; rerun the same command. (make is therefore not to delete a target whose program
# was killed: it may have been finished the moment before.)

SHELL := /bin/sh
BIN   ?= build/bin
R     := results/$(NAME)
SEEDS ?= 1 2 3 4 5
TARGETS ?= group single
.SECONDARY:
.SUFFIXES:
.DEFAULT_GOAL := report

# $(call stamp,NAME,VALUE)
stamp = $(shell mkdir -p $(R)/.stamps; printf '%s\n' '$(2)' | cmp -s - $(R)/.stamps/$(1) || printf '%s\n' '$(2)' >$(R)/.stamps/$(1))$(R)/.stamps/$(1)

untrained = $(SEEDS:%=$(R)/untrained.s%.h5)
models    = $(if $(MODEL),$(R)/trained.h5) $(untrained)
# trained=FILE: one set a tap; untrained.s1=FILE ...
features  = $(if $(MODEL),--features trained=$(R)/trained.h5) $(foreach s,$(SEEDS),--features untrained.s$(s)=$(R)/untrained.s$(s).h5)
baseline_names = $(foreach b,$(BASELINE),$(firstword $(subst =, ,$(b))))
baseline_files = $(sort $(foreach b,$(BASELINE),$(firstword $(subst :, ,$(lastword $(subst =, ,$(b)))))))
empty :=
space := $(empty) $(empty)

.PRECIOUS: $(R)/stimuli.h5 $(R)/responses.h5 $(models) $(TARGETS:%=$(R)/encoding.%.h5) $(TARGETS:%=$(R)/ceiling.%.h5) \
           $(R)/scores.h5 $(R)/report.html
.PHONY: report
report: $(R)/report.html

$(R)/stimuli.h5: $(DATA) $(BIN)/broca-import $(call stamp,stimuli,$(STIMULI))
	$(BIN)/broca-import --as stimuli $(STIMULI) --out $@

ifdef RESPONSES
$(R)/responses.h5: $(DATA) $(BIN)/broca-import $(call stamp,responses,$(RESPONSES))
	$(BIN)/broca-import --as responses $(RESPONSES) --out $@
endif

$(R)/trained.h5: $(R)/stimuli.h5 $(BIN)/broca-extract $(call stamp,trained,$(MODEL) $(EXTRACT))
	$(BIN)/broca-extract $(MODEL) --stimuli $< $(EXTRACT) --out $@
$(R)/untrained.s%.h5: $(R)/stimuli.h5 $(BIN)/broca-extract $(call stamp,untrained,$(UNTRAINED) $(EXTRACT))
	$(BIN)/broca-extract $(UNTRAINED) --seed $* --stimuli $< $(EXTRACT) --out $@

$(R)/encoding.%.h5: $(models) $(R)/responses.h5 $(R)/stimuli.h5 $(baseline_files) $(MORE_FILES) $(BIN)/broca-encode \
                    $(call stamp,encoding,$(BASELINE) $(ENCODE) $(ENCODE.group) $(ENCODE.single) $(SEEDS) $(MORE))
	$(BIN)/broca-encode --responses $(R)/responses.h5 $(features) $(MORE) $(BASELINE:%=--features %) \
	  --baseline $(subst $(space),+,$(strip $(baseline_names))) --target $* $(ENCODE) $(ENCODE.$*) --out $@

$(R)/ceiling.%.h5: $(R)/responses.h5 $(BIN)/broca-ceiling $(call stamp,ceiling,$(CEILING))
	$(BIN)/broca-ceiling --responses $< --target $* $(CEILING) --out $@

$(R)/scores.h5: $(TARGETS:%=$(R)/encoding.%.h5) $(TARGETS:%=$(R)/ceiling.%.h5) $(BIN)/broca-score $(call stamp,scores,$(SCORE))
	$(BIN)/broca-score $(TARGETS:%=--encoding $(R)/encoding.%.h5) $(TARGETS:%=--ceiling $(R)/ceiling.%.h5) $(SCORE) --out $@

$(R)/report.html: $(R)/scores.h5 $(BIN)/broca-report $(call stamp,report,$(REPORT))
	$(BIN)/broca-report --scores $(R)/scores.h5 $(TARGETS:%=--encoding $(R)/encoding.%.h5) $(TARGETS:%=--ceiling $(R)/ceiling.%.h5) \
	  $(REPORT) --out $@
