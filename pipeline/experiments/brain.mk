# SPDX-License-Identifier: MIT
# Brains by the same code: 14 people's word contrasts as a group map, in language and multiple-demand parcels, and a group map of
# verbs and nouns on the cortical surface. `make brain` obtains the data; results/brain/report.html.
NAME     := brain
R        := results/$(NAME)
BIN      ?= build/bin
MAPS     := $(sort $(wildcard fmri/nifti_words_contrast/Words_*.nii.gz))
PARCELS  := stimuli/obtained/parcels
SURFACE  := fmri/hauptman2024_surface
NAMES    := pipeline/experiments/brain-parcels.tsv
GROUP    := --flips 2000
VOXELS   := --weights voxels:26 --threshold 3.852 --permutations 999
VERTICES := --threshold 3 --permutations 999
parcels.language := $(PARCELS)/allParcels-language-SN220.nii.gz
parcels.demand   := $(PARCELS)/fROI20_HE197.nii.gz
names.language   := --parcel-names $(NAMES)

.DELETE_ON_ERROR:
.SECONDARY:
.SUFFIXES:
.PHONY: all
all: $(R)/report.html
	@echo "brain: open $(R)/report.html"

# $(call stamp,NAME,VALUE): a file that changes only when a value changes
stamp = $(shell mkdir -p $(R)/.stamps; printf '%s\n' '$(2)' | cmp -s - $(R)/.stamps/$(1) || printf '%s\n' '$(2)' >$(R)/.stamps/$(1))$(R)/.stamps/$(1)

$(R)/%.maps.h5: $(MAPS) $(NAMES) $(BIN)/broca-import $(call stamp,maps,$(MAPS) $(parcels.language) $(parcels.demand))
	@mkdir -p $(R)
	$(BIN)/broca-import --from nifti --as responses $(MAPS) --parcels $(parcels.$*) $(names.$*) --out $@
$(R)/words_in_%.h5: $(R)/%.maps.h5 $(BIN)/broca-group $(call stamp,group,$(GROUP))
	$(BIN)/broca-group --responses $< $(GROUP) --out $@
$(R)/words_voxels.h5: $(R)/words_in_language.h5 $(BIN)/broca-topography $(call stamp,voxels,$(VOXELS))
	$(BIN)/broca-topography --localizer $< $(VOXELS) --out $@
$(R)/verbs_nouns_cortex.h5: $(SURFACE)/conte69_32k_lh.gii $(BIN)/broca-topography $(call stamp,vertices,$(VERTICES))
	$(BIN)/broca-topography --map $(SURFACE)/derived_group_t.lh.32k_fs_LR.func.gii --weights mesh:$< $(VERTICES) --out $@

$(R)/report.html: $(R)/words_in_language.h5 $(R)/words_in_demand.h5 $(R)/words_voxels.h5 $(R)/verbs_nouns_cortex.h5 $(BIN)/broca-report
	$(BIN)/broca-report --maps $(R)/words_in_language.h5 --maps $(R)/words_in_demand.h5 \
	  --maps $(R)/words_voxels.h5 --maps $(R)/verbs_nouns_cortex.h5 --title "Brains: words and verbs" --out $@
