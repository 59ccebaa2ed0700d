#!/bin/sh
# SPDX-License-Identifier: MIT
#
# tests/stage/brain.sh: brains from outside: a run becomes t maps, subjects' maps a group, voxels and vertices have neighbours; each
# kind of bad input ends with one clear error.

. "$(dirname "$0")/scaffold"
export LC_ALL=C
data=$shared/data

values() { "$broca" export --quiet "$1" --dataset "$2" --to tsv --out column.tsv && sed 1d column.tsv; }

# ---- without the mirror: a matrix of bytes ----

# noise FILE SEED: 120 rows of 30 columns, values from 1 to 126 of a congruential generator
noise() {
    { printf '\223NUMPY\001\000\106\000'; printf "%-69s\n" "{'descr': '|u1', 'fortran_order': False, 'shape': (120, 30), }"
      awk -v x="$2" 'BEGIN { for (i = 0; i < 3600; i++) { x = (x * 1103 + 12345) % 65521; printf "%c", 1 + int(x / 65521 * 126) } }'; } >"$1"
}
noise one.npy 1
noise two.npy 7
printf 'onset\tduration\ttrial_type\n' >events.tsv
k=0
while [ $k -lt 12 ]; do
    [ $((k % 2)) = 0 ] && name=S || name=non-words
    printf '%d\t8\t%s\n' $((4 + 18 * k)) $name >>events.tsv
    k=$((k + 1))
done

a_matrix_is_imported_and_fitted() {
    works import --from npy --as responses one.npy two.npy --tr 2 --out runs.h5 &&
        works glm --responses runs.h5 --events events.tsv --events events.tsv --contrast S-non-words --contrast both=S+non-words --out glm.h5 &&
        works inspect glm.h5 && grep -q '/tap/both/t' out && grep -q '/design/run2/matrix' out &&
        [ "$(values glm.h5 /tap/S-non-words/t | wc -l)" -gt 1 ]
}
threads_change_no_byte() {
    works glm --responses runs.h5 --events events.tsv --events events.tsv --contrast S-non-words --threads 1 --out a.h5 &&
        works glm --responses runs.h5 --events events.tsv --events events.tsv --contrast S-non-words --threads 2 --out b.h5 && cmp a.h5 b.h5
}
bad_input_gets_one_clear_error() {
    refused "names 'fixation'" glm --responses runs.h5 --events events.tsv --events events.tsv --contrast S-fixation || return 1
    says 'conditions there are: S non-words' || return 1
    refused 'run 2 has no events' glm --responses runs.h5 --events events.tsv --contrast S || return 1
    refused '--events is needed' glm --responses runs.h5 --contrast S || return 1
    refused 'no haemodynamic response' glm --responses runs.h5 --events events.tsv --contrast S --hrf nilean-spm || return 1
    refused '--froi is a share' glm --responses runs.h5 --events events.tsv --contrast S --froi 0 || return 1
    refused 'a time series, maps of subjects are expected' group --responses runs.h5 || return 1
    refused 'cannot be read' glm --responses runs.h5 --events events.tsv --events events.tsv --contrast 'S-' || return 1
    refused 'npy' import --from npy --as responses events.tsv || return 1
    refused '6, 18 or 26' topography --localizer glm.h5 --weights voxels:8 || return 1
    refused 'do not say which voxels' topography --localizer glm.h5 --weights voxels:6
}
check a_matrix_is_imported_and_fitted threads_change_no_byte bad_input_gets_one_clear_error

# ---- with it ----

bids=$data/formats/bids
scan=sub-01_task-langloc_run-01
prep=$bids/derivatives/prep/sub-01/func/${scan}_desc
a_run_with_mask_and_confounds_becomes_a_map() {
    works import --from nifti --as responses "$bids/sub-01/func/${scan}_bold.nii.gz" --mask "$prep-brain_mask.nii.gz" \
        --confounds "$prep-confounds_timeseries.tsv" --out run.h5 &&
        works glm --responses run.h5 --events "$bids/sub-01/func/${scan}_events.tsv" --contrast sentences-nonwords --out run.glm.h5 &&
        says 'functional regions: one run' && [ "$(values run.glm.h5 /tap/sentences-nonwords/t | grep -c '[0-9]')" = 115 ] &&
        works topography --localizer run.glm.h5 --weights voxels:18 --permutations 9 --out run.sheet.h5 &&
        refused 'framewise_displacement' import --from nifti --as responses "$bids/sub-01/func/${scan}_bold.nii.gz" \
            --confounds "$prep-confounds_timeseries.tsv:framewise_displacement,trans_x"
}
subjects_maps_become_a_group() {
    works import --from nifti --as responses "$data"/nifti_words_contrast/Words_[1234].nii.gz --parcels "$data/parcels/allParcels-language-SN220.nii.gz" \
        --in-parcels --out maps.h5 && works group --responses maps.h5 --flips 99 --out group.h5 && says '4 subjects' && says 'parcels: mean t' &&
        works topography --localizer group.h5 --weights voxels:26 --permutations 9 --threshold 4 --out group.sheet.h5
}
# the picture of the slices is a PNG of whole rows; an outline, a ring, the parcels and the scale are there
slices_are_drawn() {
    works report --maps group.h5 --out page.html || return 1
    sed -n 's/.*data:image\/png;base64,\([^"]*\)".*/\1/p' page.html | head -n 1 | base64 -d >slices.png || return 1
    [ "$(head -c 8 slices.png | od -An -tx1 | tr -d ' \n')" = 89504e470d0a1a0a ] || return 1
    grep -q '<circle' page.html && grep -q 'stroke="#00795a"' page.html && grep -q 'z = ' page.html && grep -q 'all parcels' page.html || return 1
    refused 'do not lie on a grid of voxels' report --maps glm.h5
}
a_map_written_as_an_image_reads_back() {
    works export group.h5 --dataset /tap/group/t --out t.nii.gz &&
        works topography --map t.nii.gz --weights voxels:26 --permutations 9 --threshold 4 --out again.h5 || return 1
    # float32 on the way
    awk -v a="$(values group.sheet.h5 table/I)" -v b="$(values again.h5 table/I)" 'BEGIN { d = a - b; exit !(a != "" && d < 1e-5 && d > -1e-5) }' || return 1
    refused 'has no value a voxel' export group.h5 --dataset /parcel/mean_t --to nifti || return 1
    refused 'which voxels' export glm.h5 --dataset /tap/S-non-words/t --to nifti
}
brains_that_do_not_fit_are_refused() {
    works import --from nifti --as responses "$data/nifti_words_contrast/Words_1.nii.gz" --out one.h5 || return 1
    refused 'a t over subjects of 1 subject' group --responses one.h5 || return 1
    refused 'has no affine' import --from nifti --as responses "$data/nifti_words_contrast/Words_1.nii.gz" --parcels "$data/formats/nifti/neither_form.nii" || return 1
    refused 'on another grid' import --from nifti --as responses "$data/nifti_words_contrast/Words_1.nii.gz" "$data/formats/nifti/f32.nii" || return 1
    works topography --map "$data/formats/gifti/sulc_gz.shape.gii" --weights "mesh:$data/formats/gifti/ico1_gz.surf.gii" --permutations 9 --threshold 1 --out s.h5 || return 1
    printf 'a\tb\tc\n0\t1\t2\n' >mesh.tsv
    refused 'lie in no face' topography --map "$data/formats/gifti/sulc_gz.shape.gii" --weights mesh:mesh.tsv || return 1
    refused 'maps of brains have no sheet' topography --map "$data/formats/gifti/sulc_gz.shape.gii" || return 1
    refused 'names vertex 999 of 42' topography --map "$data/formats/gifti/sulc_gz.shape.gii" --weights "mesh:$data/formats/damaged/gifti_triangle_out_of_range.surf.gii"
}
if [ -d "$bids" ]; then check a_run_with_mask_and_confounds_becomes_a_map
else skip a_run_with_mask_and_confounds_becomes_a_map 'no ../shared/data/formats (BROCA_SHARED names another place)'; fi
if [ -d "$data/nifti_words_contrast" ] && [ -d "$data/parcels" ] && [ -d "$data/formats" ]; then check subjects_maps_become_a_group slices_are_drawn a_map_written_as_an_image_reads_back brains_that_do_not_fit_are_refused
else
    for name in subjects_maps_become_a_group slices_are_drawn a_map_written_as_an_image_reads_back brains_that_do_not_fit_are_refused; do
        skip $name 'no ../shared/data/nifti_words_contrast, parcels, formats'
    done
fi

finish
