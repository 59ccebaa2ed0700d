# SPDX-License-Identifier: MIT
# broca. The two commands a newcomer needs: `make deps demo` and `make deps test`. `make help` lists the rest.

PREFIX  ?= /usr/local
DESTDIR ?=
CC      ?= gcc
GOALS   := $(MAKECMDGOALS)

# A sanitizer or coverage build lives in its own folder: `make asan test`, `make tsan test`, `make coverage test`.
VARIANT := $(firstword $(filter asan tsan coverage,$(GOALS)))
BUILD   := $(if $(VARIANT),build/$(VARIANT),build)
BIN     := $(BUILD)/bin
OPTIMISE.asan     = -O1 -g -fno-omit-frame-pointer -fsanitize=address,undefined -fno-sanitize-recover=all
OPTIMISE.tsan     = -O1 -g -fsanitize=thread
OPTIMISE.coverage = -O0 -g --coverage
ifeq ($(VARIANT),tsan)
CC := clang
endif
OPTIMISE = $(if $(VARIANT),$(OPTIMISE.$(VARIANT)),-O2 -g)

# Evaluated when a recipe runs, so that `make deps demo` works where pkg-config is only installed by deps.
# -ffp-contract=off: a sum has the same bits whichever compiler made it.
CFLAGS   ?=
WARNINGS  = -Wall -Wextra -Wconversion -Wshadow -Wvla
ALLCFLAGS = -std=c11 -D_GNU_SOURCE -fopenmp -ffp-contract=off -fno-strict-aliasing $(OPTIMISE) $(WARNINGS) -Iinclude $(CFLAGS)
PKG       = hdf5 libcjson libpcre2-8 libutf8proc popt nettle zlib expat
PKGCFLAGS = $(shell pkg-config --cflags hdf5 libcjson | sed 's/-I/-isystem /g')
LIBS      = $(shell pkg-config --libs $(PKG)) -lcsv -lgsl -lopenblas -lm
# oneDNN 2 where its header is (ONEDNN= builds without): quicker screening of alphas, the same results.
ONEDNN ?= $(shell printf '\043include <oneapi/dnnl/dnnl_version.h>\n\043if DNNL_VERSION_MAJOR != 2\n\043error\n\043endif\n' | \
            $(CC) -E - >/dev/null 2>&1 && echo yes)
LIBS     += $(if $(ONEDNN),-ldnnl)
ALLLDFLAGS = -fopenmp $(OPTIMISE) -Wl,--as-needed $(LDFLAGS)

LIBSRC   := $(sort $(wildcard src/*/*.c src/*/*/*.c))
LIBOBJ   := $(LIBSRC:%.c=$(BUILD)/%.o)
STAGES   := $(filter-out stage broca,$(patsubst stages/%.c,%,$(wildcard stages/*.c)))
PROGRAMS := $(STAGES:%=$(BIN)/broca-%) $(BIN)/broca
UNIT     := $(patsubst tests/unit/%.c,$(BUILD)/unit/%,$(wildcard tests/unit/test_*.c))
ORACLESRC := $(wildcard tests/oracle/*.c)

.PHONY: calibrate
.PHONY: all help deps install uninstall clean test unit check-oracles verify demo asan tsan coverage test-slow bench \
        compile_commands.json
.DELETE_ON_ERROR:
.SECONDARY:

all: $(PROGRAMS)

help:
	@sed -n 's/^## //p' Makefile

## make                    libbroca and the programs, in build/
## make deps               Debian packages that are missing, by apt-get (sudo where needed)
## make demo               the main job: results/alice/report.html, or results/demo/report.html without data
## make alice              the main job with the data of others (pipeline/experiments/alice.mk)
## make topolm             a TopoLM and its control: training, sheets, brains; SIZE=mini trains a miniature pair first
## make topolm-sweep       short training runs over alpha (slow)
## make tuckute2024        1,000 sentences and five people: what a model adds to length and item number
## make brain              t over people's maps, parcels, slices; Moran's I of a map on the cortex
## make localizer          language units of models and their sheets, the TopoLM pair among them
## make units              units that a localizer selected against random ones of the same layers, 27 listeners
## make test               every quick test; closes with N passed, N failed, N skipped
## make check-oracles      independent expected outputs (../shared/oracles or $BROCA_SHARED)
## make test-slow          checks that take minutes
## make bench              speed beside other packages (where they are at hand): results/checks/bench.tsv
## make calibrate          nulls and intervals on data whose truth is known: results/checks/calibrate.tsv (under an hour)
## make verify             figures that others published or computed
## make asan test          the tests under AddressSanitizer and UBSan (also: tsan, coverage)
## make install            PREFIX=/usr/local DESTDIR=

PACKAGES = gcc make pkg-config libgsl-dev libhdf5-dev libcsv-dev libopenblas-dev libdnnl-dev libcjson-dev libpcre2-dev \
           libutf8proc-dev libpopt-dev zlib1g-dev libexpat1-dev nettle-dev librandom123-dev libcmocka-dev curl ca-certificates xz-utils util-linux
deps:
	@missing=""; for p in $(PACKAGES); do \
	  dpkg-query -W -f '$${Status}' $$p 2>/dev/null | grep -q 'ok installed' || missing="$$missing $$p"; done; \
	if [ -z "$$missing" ]; then echo "deps: nothing to do"; else \
	  echo "deps: installing$$missing"; \
	  sudo=""; [ "$$(id -u)" = 0 ] || sudo=sudo; \
	  $$sudo apt-get update -q && DEBIAN_FRONTEND=noninteractive $$sudo apt-get install -y -q --no-install-recommends $$missing; fi

# ---- library and programs ----

ifneq ($(filter deps,$(GOALS)),)
$(LIBOBJ) $(patsubst %.c,$(BUILD)/%.o,$(wildcard stages/*.c) $(ORACLESRC)) $(UNIT): | deps
endif

$(BUILD)/%.o: %.c Makefile
	@mkdir -p $(@D)
	$(CC) $(ALLCFLAGS) $(PKGCFLAGS) -MMD -MP -c $< -o $@

# The last commit that touched the programs enters one object only, and only when it changes.
COMMIT := $(shell git log -1 --format=%h --abbrev=12 -- src stages include Makefile 2>/dev/null | grep . || echo unknown)
$(BUILD)/commit.stamp: FORCE
	@mkdir -p $(@D); echo '$(COMMIT)' | cmp -s - $@ || echo '$(COMMIT)' >$@
$(BUILD)/src/store/build.o: $(BUILD)/commit.stamp
$(BUILD)/src/store/build.o: ALLCFLAGS += -DBROCA_COMMIT='"$(COMMIT)"'
.PHONY: FORCE
FORCE:

$(BUILD)/src/num/packed.o: ALLCFLAGS += $(if $(ONEDNN),-DBROCA_ONEDNN)

$(BUILD)/libbroca.a: $(LIBOBJ)
	rm -f $@ && ar rcs $@ $^

$(BIN)/broca: $(BUILD)/stages/broca.o $(BUILD)/stages/stage.o $(BUILD)/libbroca.a
	@mkdir -p $(@D)
	$(CC) $(ALLLDFLAGS) -o $@ $^ $(LIBS)
$(BIN)/broca-%: $(BUILD)/stages/%.o $(BUILD)/stages/stage.o $(BUILD)/libbroca.a
	@mkdir -p $(@D)
	$(CC) $(ALLLDFLAGS) -o $@ $^ $(LIBS)

-include $(LIBOBJ:.o=.d) $(wildcard $(BUILD)/stages/*.d $(BUILD)/unit/*.d $(BUILD)/tests/oracle/*.d)

# ---- tests ----

$(BUILD)/unit/%: tests/unit/%.c $(BUILD)/libbroca.a
	@mkdir -p $(@D)
	$(CC) $(ALLCFLAGS) -Wno-conversion $(PKGCFLAGS) -MMD -MP -MF $@.d $(ALLLDFLAGS) -o $@ $< $(BUILD)/libbroca.a $(LIBS) -lcmocka

$(BIN)/oracle: $(ORACLESRC:%.c=$(BUILD)/%.o) $(BUILD)/libbroca.a
	@mkdir -p $(@D)
	$(CC) $(ALLLDFLAGS) -o $@ $^ $(LIBS)

$(BUILD)/bench/%: tests/bench/%.c $(BUILD)/libbroca.a
	@mkdir -p $(@D)
	$(CC) $(ALLCFLAGS) $(PKGCFLAGS) -MMD -MP -MF $@.d $(ALLLDFLAGS) -o $@ $< $(BUILD)/libbroca.a $(LIBS)

$(BUILD)/verify/%: tests/verify.d/%.c $(BUILD)/libbroca.a
	@mkdir -p $(@D)
	$(CC) $(ALLCFLAGS) $(PKGCFLAGS) -MMD -MP -MF $@.d $(ALLLDFLAGS) -o $@ $< $(BUILD)/libbroca.a $(LIBS)

unit: $(UNIT)
test: all unit $(if $(ORACLESRC),$(BIN)/oracle)
	@BUILD=$(BUILD) tests/run

# Slow ones: 100,000 responses a row, screened and exhaustive; a million responses, 100,000 rows; fuzzing and calibration of the
# localizer come here, too.
test-slow: all $(BUILD)/unit/test_screen $(BUILD)/unit/test_large $(BUILD)/unit/test_train $(BUILD)/unit/test_listeners
	LISTENERS=10000 LISTENERS_SVG=docs/engine-truth.svg $(BUILD)/unit/test_listeners
	SCREEN_RESPONSES=25000 $(BUILD)/unit/test_screen
	LARGE=1 $(BUILD)/unit/test_large
	TRAIN_STEPS=500 $(BUILD)/unit/test_train
	@BUILD=$(BUILD) tests/crash/run

bench: all $(patsubst tests/%.c,$(BUILD)/%,$(wildcard tests/bench/*.c))
	@BUILD=$(BUILD) tests/bench/run

check-oracles: $(BIN)/oracle
	@BUILD=$(BUILD) tests/oracle/run --all

verify: all $(BIN)/oracle $(patsubst tests/verify.d/%.c,$(BUILD)/verify/%,$(wildcard tests/verify.d/*.c))
	@BUILD=$(BUILD) tests/verify

asan tsan coverage: all

# Nulls, intervals and ceilings on data whose truth is known: results/checks/calibrate.tsv, under an hour on two cores.
$(BUILD)/calibrate/%: tests/calibrate/%.c $(filter-out $(wildcard tests/calibrate/nulls.c tests/calibrate/studies.c),$(wildcard tests/calibrate/*.c)) \
                      $(wildcard tests/calibrate/*.h) $(BUILD)/libbroca.a
	@mkdir -p $(@D)
	$(CC) $(ALLCFLAGS) $(PKGCFLAGS) $(ALLLDFLAGS) -o $@ $(filter %.c %.a,$^) $(LIBS)
calibrate: all $(BUILD)/calibrate/nulls $(BUILD)/calibrate/studies
	@BUILD=$(BUILD) BIN=$(BIN) tests/calibrate/run

# ---- experiments (pipeline/rules.mk says how each product is made) ----

.PHONY: alice brain localizer tuckute2024 topolm topolm-sweep units
demo: all
	@BIN=$(BIN) pipeline/demo
localizer: all
	@pipeline/fetch topolm-small-pytorch tinystories-656k
	@pipeline/fetch nifti_words_contrast parcels || echo "localizer: without nifti_words_contrast there are no brains on the page"
	@pipeline/fetch langloc || echo "localizer: without the published stimuli"
	@$(MAKE) --no-print-directory -f pipeline/experiments/$@.mk BIN=$(BIN)
# SIZE=committed, mini or full; without alice2016 the page has training and sheets only
SIZE ?= committed
topolm: all
	@pipeline/fetch alice2016 || echo "topolm: without alice2016 there are no brains on the page"
	@[ $(SIZE) = committed ] || pipeline/fetch eltec-eng
	@$(MAKE) --no-print-directory -f pipeline/experiments/topolm.mk all SIZE=$(SIZE) BIN=$(BIN)
topolm-sweep: all
	@pipeline/fetch eltec-eng
	@$(MAKE) --no-print-directory -f pipeline/experiments/topolm.mk sweep SIZE=$(SIZE) BIN=$(BIN)
brain: all
	@pipeline/fetch nifti_words_contrast parcels hauptman2024_surface
	@$(MAKE) --no-print-directory -f pipeline/experiments/$@.mk BIN=$(BIN)
alice tuckute2024 units: all
	@pipeline/fetch $(if $(filter tuckute2024,$@),$@,alice2016) tinystories-656k
	@$(MAKE) --no-print-directory -f pipeline/experiments/$@.mk BIN=$(BIN)

# ---- the rest ----

install: all
	install -d $(DESTDIR)$(PREFIX)/bin $(DESTDIR)$(PREFIX)/lib $(DESTDIR)$(PREFIX)/include/broca \
	  $(DESTDIR)$(PREFIX)/share/broca/stimuli $(DESTDIR)$(PREFIX)/share/broca/pipeline/experiments
	install -m 755 $(PROGRAMS) $(DESTDIR)$(PREFIX)/bin
	install -m 644 $(BUILD)/libbroca.a $(DESTDIR)$(PREFIX)/lib
	install -m 644 include/broca/*.h $(DESTDIR)$(PREFIX)/include/broca
	cp -r stimuli/langloc-broca stimuli/simulated-story $(DESTDIR)$(PREFIX)/share/broca/stimuli
	install -m 644 pipeline/rules.mk pipeline/data.tsv $(DESTDIR)$(PREFIX)/share/broca/pipeline
	install -m 755 pipeline/fetch $(DESTDIR)$(PREFIX)/share/broca/pipeline
	install -m 644 pipeline/experiments/*.mk pipeline/experiments/*.tsv $(DESTDIR)$(PREFIX)/share/broca/pipeline/experiments

uninstall:
	rm -f $(addprefix $(DESTDIR)$(PREFIX)/bin/,$(notdir $(PROGRAMS))) $(DESTDIR)$(PREFIX)/lib/libbroca.a
	rm -rf $(DESTDIR)$(PREFIX)/include/broca $(DESTDIR)$(PREFIX)/share/broca

compile_commands.json:
	$(MAKE) clean && bear -- $(MAKE) all unit

clean:
	rm -rf build
