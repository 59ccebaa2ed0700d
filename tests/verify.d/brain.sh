# SPDX-License-Identifier: MIT
# Maps of brains: the group t of 14 people's word contrasts, its place, means in parcels; Moran's I on a cortical mesh.

maps=fmri/nifti_words_contrast
parcels=stimuli/obtained/parcels

# group_of PARCELS OUT: imports the maps with these parcels and makes the group's t
group_of() {
    "$bin/broca-import" --quiet --from nifti --as responses "$maps"/Words_*.nii.gz --parcels "$1" --out "$work/maps.h5" &&
        "$bin/broca-group" --quiet --responses "$work/maps.h5" --flips 0 --out "$2"
}
# of_parcels FILE COLUMN: the value in the last row, all parcels together
of_parcels() {
    "$bin/broca-export" --quiet "$1" --dataset "/parcel/$2" --to tsv --out "$work/column.tsv" && tail -n 1 "$work/column.tsv"
}
# peak_of FILE: largest t and its voxel
peak_of() {
    "$bin/broca-export" --quiet "$1" --dataset /tap/group/t --to tsv --out "$work/t.tsv" &&
        "$bin/broca-export" --quiet "$1" --dataset /neuroid/index --to tsv --out "$work/index.tsv" &&
        paste "$work/t.tsv" "$work/index.tsv" | awk -F '\t' 'NR > 1 && (NR == 2 || $1 + 0 > t + 0) { t = $1; v = $2 }
            END { printf "%s (%d, %d, %d)\n", t, v % 53, int(v / 53) % 63, int(v / 53 / 63) }'
}

command='broca import --from nifti Words_*.nii.gz --parcels ...; broca group'
source='fmri/nifti_words_contrast.md: NumPy, SciPy and nibabel, independently'
if { [ -f $maps/Words_1.nii.gz ] && [ -f $parcels/fROI20_HE197.nii.gz ]; } || pipeline/fetch nifti_words_contrast parcels >/dev/null 2>&1; then
    group_of $parcels/allParcels-language-SN220.nii.gz "$work/language.h5"
    group_of $parcels/fROI20_HE197.nii.gz "$work/demand.h5"
    peak=$(peak_of "$work/language.h5")
    row 'word contrasts of 14 people: voxels in all of them' "$command" "$source" "$(column "$work/language.h5" /tap/group/t | wc -w | tr -d ' ')" 50256 equal
    row 'word contrasts: largest group t' "$command" "$source" "${peak%% *}" 9.022143 .000001
    row 'word contrasts: its voxel' "$command" "$source" "${peak#* }" '(44, 41, 13)' equal
    row 'word contrasts: voxels in language parcels (SN220)' "$command" "$source" "$(of_parcels "$work/language.h5" voxels)" 3903 equal
    row 'word contrasts: mean t in language parcels (SN220)' "$command" "$source" "$(of_parcels "$work/language.h5" mean_t)" .7648 .00005
    row 'word contrasts: voxels in multiple-demand parcels (HE197)' "$command" "$source" "$(of_parcels "$work/demand.h5" voxels)" 6561 equal
    row 'word contrasts: mean t in multiple-demand parcels (HE197)' "$command" "$source" "$(of_parcels "$work/demand.h5" mean_t)" -.7514 .00005
else
    skip 'group t of 14 people' "$command" "$source" 'nifti_words_contrast or parcels cannot be had here'
fi

# clusters_of FILE SIDE: number of clusters that are kept, then the four largest
clusters_of() {
    "$bin/broca-export" --quiet "$1" --dataset "/tap/derived_group_t/clusters/$2/size" --to tsv --out "$work/column.tsv" &&
        sed 1d "$work/column.tsv" | awk '$1 >= 10' | sort -rn | awk '{ n++; if (n <= 4) s = s " " $1 } END { print n ":" s }'
}

surface=fmri/hauptman2024_surface
command='broca topography --map derived_group_t.lh.32k_fs_LR.func.gii --weights mesh:conte69_32k_lh.gii'
source='fmri/hauptman2024_surface.md: NumPy and nibabel, independently'
if [ -f $surface/conte69_32k_lh.gii ] || pipeline/fetch hauptman2024_surface >/dev/null 2>&1; then
    for binary in '' --binary; do
        [ -n "$binary" ] && theirs=.953650 || theirs=.953099
        "$bin/broca-topography" --quiet --map $surface/derived_group_t.lh.32k_fs_LR.func.gii --weights mesh:$surface/conte69_32k_lh.gii $binary \
            --permutations 1 --threshold 3 --out "$work/surface.h5"
        row "verbs - nouns on the cortex: Moran's I${binary:+, binary}" "$command $binary" "$source" "$(column "$work/surface.h5" table/I)" $theirs .000001
    done
    row 'verbs - nouns: clusters of t > 3, four largest' "$command --threshold 3" "$source" "$(clusters_of "$work/surface.h5" positive)" '17: 543 379 296 155' equal
    row 'verbs - nouns: clusters of t < -3, four largest' "$command --threshold 3" "$source" "$(clusters_of "$work/surface.h5" negative)" '26: 775 703 308 273' equal
else
    skip "Moran's I on a cortical mesh" "$command" "$source" 'hauptman2024_surface cannot be had here'
fi
