# SPDX-License-Identifier: MIT
# tuckute2024: ceilings from the published noise, and what length and item number alone read in shuffled folds.
source='fmri/tuckute2024.md: independent NumPy and scikit-learn calculation'
regions='AntTemp IFG IFGorb MFG PostTemp netw'
if [ -f fmri/tuckute2024/bold_response_LH.csv.gz ] || pipeline/fetch tuckute2024 >/dev/null 2>&1; then
    columns='--column id=item_id --column text=sentence'
    folder=fmri/tuckute2024
    "$bin/broca-import" --quiet --from table --as stimuli $folder/bold_response_LH.csv.gz $columns --group similar --out $work/sentences.h5 &&
        "$bin/broca-import" --quiet --from table --as responses $folder/bold_response_LH.csv.gz $columns --subject mean --out $work/sentences.r.h5 &&
        "$bin/broca-ceiling" --quiet --responses $work/sentences.r.h5 --method snr --noise $folder/NC-allroi-data_excerpt.csv --average 5 \
            --folds none --out $work/sentences.c.h5 || exit 1
    command='broca ceiling --responses R.h5 --method snr --noise NC-allroi-data_excerpt.csv --average 5 --folds none'
    ours=$(column $work/sentences.c.h5 ceiling)
    for region in $regions; do
        a=${ours%% *}; ours=${ours#* }
        theirs=$(awk -F , -v r="lang_LH_$region" '$1 == r { printf "%.6f", $2 }' $folder/NC-allroi-data_excerpt.csv)
        row "tuckute2024, ceiling of lang_LH_$region" "$command" 'published nc (NC-allroi-data.csv)' "$(printf '%.6f' "$a")" "$theirs" .00001
    done
    # the source's seeds 0 to 9 of scikit-learn's KFold, averaged
    command='broca encode --responses R.h5 --features base=S.h5:item_characters,item_words,item_number --alphas 0 --folds kfold:5,seed=N --allow-random'
    seed=0
    : >$work/sums
    while [ $seed -lt 10 ]; do
        "$bin/broca-encode" --quiet --responses $work/sentences.r.h5 --features base=$work/sentences.h5:item_characters,item_words,item_number \
            --alphas 0 --folds kfold:5,seed=$seed --inner loo --allow-random --out $work/sentences.e.h5 2>/dev/null || exit 1
        column $work/sentences.e.h5 set/base/r_mean >>$work/sums
        echo >>$work/sums
        seed=$((seed + 1))
    done
    ours=$(awk 'NF { for (i = 1; i <= NF; i++) s[i] += $i; n++; k = NF } END { for (i = 1; i <= k; i++) printf "%.4f ", s[i] / n }' $work/sums)
    theirs='.236 .190 .230 .248 .241 .263 '
    for region in $regions; do
        a=${ours%% *}; ours=${ours#* }
        b=${theirs%% *}; theirs=${theirs#* }
        row "tuckute2024, length and item number alone, shuffled folds, r of lang_LH_$region" "$command" "$source" "$a" "$b" .001
    done
    row 'tuckute2024, sentences with a neighbour that differs in one word' 'broca import --from table --group similar' 'all pairs of bags of words, in Python' \
        "$(column $work/sentences.h5 item/group | tr ' ' '\n' | sort | uniq -d | wc -l)" 1 equal
else
    skip 'tuckute2024: ceilings, length and item number' 'broca ceiling, broca encode' "$source" 'tuckute2024 cannot be had here'
fi
