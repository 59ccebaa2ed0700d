#!/bin/sh
# SPDX-License-Identifier: MIT
#
# broca encode from outside: replicate modes, the options of encoding, and what bad input says. All inputs are made here.

# shellcheck disable=SC2086,SC2317  # $items is several words; the tests are called by name
. "$(dirname "$0")/scaffold"
export LC_ALL=C.UTF-8

works() { "$broca" "$@" >.out 2>.err </dev/null || { echo "exit $?: broca $*"; cat .err; return 1; }; }
says() { grep -qiF -- "$1" .err || { echo "it does not say: $1"; cat .err; return 1; }; }
# refused TEXT... -- STAGE ARGUMENT...: exit 2, one error with all the texts, no product
refused() {
    : >.texts
    while [ "$1" != -- ]; do printf '%s\n' "$1" >>.texts; shift; done
    shift
    rm -rf new && mkdir new
    "$broca" "$@" --out new/e.h5 >.out 2>.err </dev/null
    got=$?
    [ $got -eq 2 ] || { echo "exit $got, expected 2: broca $*"; cat .err; return 1; }
    while IFS= read -r text; do says "$text" || return 1; done <.texts
    [ "$(grep -v ': warning: ' .err | grep -c '^broca ')" -eq 1 ] || { echo 'not one error:'; cat .err; return 1; }
    [ -z "$(ls -A new)" ] || { echo 'it leaves:'; ls -A new; return 1; }
}
# column FILE DATASET: its values in one line
column() { works export "$1" --dataset "$2" --to tsv --out column.tsv && sed 1d column.tsv | tr '\t\n' '  ' | sed 's/ *$//'; }

# 60 items in 12 groups of 5, activations of an untrained network, responses of 2 subjects × 2 regions: a sum of waves over items.
inputs() {
    awk -F '\t' 'NR == 1 { print "id\ttext\tgroup" } NR > 1 && NR <= 61 { print $1 "\t" $2 "\tg" int((NR - 2) / 5) }' \
        "$project/stimuli/langloc-broca/stimuli.tsv" >items.tsv
    cut -f 1 items.tsv | awk 'NR == 1 { print "id\ts1:R0\ts1:R1\ts2:R0\ts2:R1"; next }
        { printf "%s", $1; for (j = 0; j < 4; j++) printf "\t%.6f", sin(NR * .37 + j) + cos(NR * (1.1 + j)); print "" }' >responses.tsv
    works import --from table items.tsv --out items.h5 &&
        works import --from table --as responses responses.tsv --out responses.h5 &&
        works extract --arch gpt2,layers=1,width=24,heads=2,context=128,tokenizer=bytes --seed 7 --stimuli items.h5 --pool mean --out features.h5
}
items='encode --features m=features.h5:h.0 --stimuli items.h5 --responses responses.h5'

# ---- replicate modes ----

each_mode_says_its_folds_and_what_differs() {
    while read -r mode folds inner; do
        works $items --mode "replicate:$mode" --out e.h5 && says "replicate:$mode: aggregation:" || return 1
        works inspect e.h5 || return 1
        for want in "mode *replicate:$mode" "folds *$folds" "inner *$inner" 'differs_from_strict *[a-z]' 'aggregation *[a-z]' \
            "mode replicate:$mode repeats what the paper's code did"; do
            grep -q -- "$want" .out || { echo "no $want in"; cat .out; return 1; }
        done
    done <<END
schrimpf2021 kfold:5,seed=1 loo
brainscore groupkfold:10,seed=1234 loo
tuckute2024 kfold:5,seed=0 loo
hadidi2025 logo logo
END
}
tuckute2024_has_its_sixty_alphas() {
    works $items --mode replicate:tuckute2024 --out e.h5 || return 1
    column e.h5 alpha | awk '{ exit !(NF == 60 && $1 == 1e-30 && $60 == 1e29) }' || { cat column.tsv; return 1; }
}
brainscore_has_one_alpha_for_all() {
    works $items --mode replicate:brainscore --out e.h5 || return 1
    works export e.h5 --dataset set/m/alpha --to tsv --out column.tsv && awk -F '\t' 'NR > 1 && ($1 != $2 || $2 != $3 || $3 != $4) { exit 1 }' column.tsv
}
brainscore_with_alpha_0_is_least_squares() {
    works $items --mode replicate:brainscore --alphas 0 --folds kfold:5,seed=1 --out a.h5 && works $items --mode replicate:schrimpf2021 --out b.h5 || return 1
    column a.h5 set/m/r2 >a && column b.h5 set/m/r2 >b && cmp a b
}
a_mode_decides_its_options() {
    refused '--select' 'leave it out' -- $items --mode replicate:tuckute2024 --select r2 &&
        refused '--standardize' -- $items --mode replicate:brainscore --standardize X &&
        refused '--inner' -- $items --mode replicate:brainscore --inner group:3 &&
        refused 'tuckute2023' "did you mean replicate:tuckute2024?" -- $items --mode replicate:tuckute2023
}
# Numbers of NumPy 1.24: RandomState(42).shuffle of the 60 groups' names; then dirichlet([.1] * 2, 3), dirichlet([1.] * 2, 3).
labels_are_shuffled_and_candidates_drawn_as_numpy_does() {
    bands='encode --features m=features.h5:h.0 --features e=features.h5:embed --bands m+e --stimuli items.h5 --responses responses.h5 --candidates 5'
    works $bands --mode replicate:hadidi2025 --shuffle-labels 42 --out e.h5 && works export e.h5 --dataset fold/test --to tsv --out fold.tsv &&
        column e.h5 set/m+e/candidates >drawn || return 1
    sed 1d fold.tsv | awk '{ line = ""; for (i = 1; i <= NF; i++) if ($i == 1) line = line " " i - 1; if (line == " 0 13 19 41 43") found = 1 } END { exit !found }' ||
        { echo 'no fold tests the rows of g0'; cat fold.tsv; return 1; }
    # the folds draw one after another, g0 first: rows are fold, candidate, two weights
    for want in '0 0 0.5 0.5 ' '0 2 0.1345882697322625[0-9]* 0.865411730267737[0-9]* ' '0 4 0.00197187193697231[0-9]* 0.998028128063027[0-9]* '; do
        grep -q "^\(.* \)\?$want" drawn || { echo "no $want in"; cat drawn; return 1; }
    done
    refused 'goes with --mode replicate:hadidi2025' -- $bands --shuffle-labels 42 &&
        refused '--shuffle-labels is SEED' -- $bands --mode replicate:hadidi2025 --shuffle-labels 42,384 &&
        refused '60 rows are used, its parts have 384 and 243' -- $bands --mode replicate:hadidi2025 --shuffle-labels 42,384+243
}
# The config says the alphas that a mode took, not strict's, and the command that it gives repeats the product.
the_config_says_what_a_mode_used() {
    while read -r mode alphas per standardize; do
        works $items --mode "replicate:$mode" --out e.h5 && works inspect e.h5 || return 1
        for want in "alphas  *$alphas" "alpha-per  *$per" "standardize  *$standardize" "mode  *replicate:$mode"; do
            grep -q -- "^ *$want" .out || { echo "no $want in"; cat .out; return 1; }
        done
        works $items --mode "replicate:$mode" --alphas "$(sed -n 's/^ *alphas  *//p' .out)" --alpha-per $per --standardize $standardize --out f.h5 || return 1
        column e.h5 set/m/r >a && column f.h5 set/m/r >b && cmp a b || return 1
    done <<END
schrimpf2021 0 voxel none
brainscore -3:3:7 all none
tuckute2024 -30:29:60 voxel none
hadidi2025 0.03125,0.0625 voxel X
END
}
their_folds_are_refused_in_strict_mode() {
    for folds in kfold:5,seed=1 shufflesplit:10,seed=1 stratified21:5,seed=1; do
        refused 'random folds leak' -- $items --folds $folds --inner group:3 || return 1
    done
    works $items --folds groupkfold:4,seed=1234 --inner group:3 --out e.h5
}
shufflesplit_has_no_one_prediction() {
    refused 'several times' -- $items --mode replicate:brainscore --folds shufflesplit:10,seed=1 --save prediction
}
# The folds that a file gives are used for the inner folds, too, and can come from another file there.
given_folds_inside_and_outside() {
    awk 'BEGIN { print "fold"; for (i = 0; i < 60; i++) print i % 3 }' >outer.tsv
    awk 'BEGIN { print "fold"; for (i = 0; i < 60; i++) print int(i / 15) }' >inner.tsv
    works $items --folds given:outer.tsv --inner given:inner.tsv --out a.h5 && works $items --folds given:outer.tsv --inner given:outer.tsv --out b.h5 || return 1
    column a.h5 set/m/inner_best >a && column b.h5 set/m/inner_best >b || return 1
    ! cmp -s a b || { echo 'the file of --inner is not read'; return 1; }
    refused 'given outer folds have no default inner scheme' -- $items --folds given:outer.tsv
}

# ---- OASM: features that know only neighbours ----

# A series of 240 volumes of 2 s, noise of AR(1) .9, 4 neuroids.
series() {
    [ -f series.h5 ] && return 0
    awk 'BEGIN { srand(7); print "id\tonset\ts1:R0\ts1:R1\ts2:R0\ts2:R1"
        for (i = 0; i < 240; i++) { printf "v%d\t%d", i, 2 * i
            for (j = 0; j < 4; j++) { y[j] = .9 * y[j] + sqrt(-2 * log(1 - rand())) * cos(6.283185307 * rand()); printf "\t%.6f", y[j] }
            print "" } }' >series.tsv
    works import --from table --as responses --tr 2 series.tsv --out series.h5
}
mean_of() { column "$1" "$2" | awk '{ for (i = 1; i <= NF; i++) s += $i; print s / NF }'; }
oasm_scores_exactly_0_where_the_gap_reaches_as_far_as_it_does() {
    series || return 1
    for pair in '.1 0' '.5 8' '1 16' '2 32'; do # twice the radius floor(4 sigma + 1/2), in seconds
        works encode --features "oasm=oasm:${pair% *}" --responses series.h5 --folds contiguous:4,gap=${pair#* } --out e.h5 || return 1
        [ "$(column e.h5 set/oasm/r_mean)" = '0 0 0 0' ] && [ "$(column e.h5 set/oasm/n_nan)" = '4 4 4 4' ] || { echo "sigma $pair:"; cat column.tsv; return 1; }
    done
}
oasm_predicts_across_shuffled_folds() {
    series && works encode --features oasm=oasm:1 --responses series.h5 --folds random:5 --allow-random --out e.h5 || return 1
    mean_of e.h5 set/oasm/r_mean | awk '{ print; exit !($1 >= .4) }'
}
oasm_that_reaches_over_the_gap_is_refused() {
    series && refused 'OASM reaches 8 samples' 'a gap of at least 16 s' -- encode --features oasm=oasm:1 --responses series.h5 --folds contiguous:4,gap=14 &&
        refused 'fitted alone' -- encode --features oasm=oasm:1 --features m=features.h5:h.0 --baseline oasm --responses responses.h5 --stimuli items.h5 &&
        refused 'sigma is a number' -- encode --features oasm=oasm:x --responses responses.h5 --stimuli items.h5 &&
        refused 'needs blocks of neighbours' -- encode --features oasm=oasm:1 --responses responses.h5 --folds kfold:5,seed=1 --allow-random --inner random:3
}
the_doctor_tells_folds_that_leak() {
    series || return 1
    "$broca" doctor --leak --responses series.h5 --folds contiguous:4,gap=80 >.out 2>.err || { cat .out .err; return 1; }
    [ "$(grep -c 'r 0.000000' .out)" -eq 5 ] && grep -q 'autocorrelation falls under .1 at' .out || { cat .out; return 1; }
    "$broca" doctor --leak --responses series.h5 --folds random:5 >.out 2>.err
    [ $? -eq 1 ] && [ "$(grep -c 'these folds leak' .out)" -eq 4 ] && says 'these folds leak' || { cat .out .err; return 1; }
    "$broca" doctor --leak --responses responses.h5 --stimuli items.h5 >.out 2>.err || { cat .out .err; return 1; }
    [ "$(grep -c 'r 0.000000' .out)" -eq 5 ] || { cat .out; return 1; }
}

# ---- built-in features ----

built_in_features_stand_for_the_baseline() {
    works encode --features base=items.h5:baseline --responses responses.h5 --stimuli items.h5 --out e.h5 || return 1
    works inspect e.h5 && grep -q '/set/base.columns *15' .out || { cat .out; return 1; }
    refused 'item_wrods' "did you mean 'item_words'" -- encode --features base=items.h5:item_wrods --responses responses.h5 --stimuli items.h5 &&
        refused 'a feature of timed words' -- encode --features base=items.h5:word_rate --responses responses.h5 --stimuli items.h5
}

# ---- bands ----

# With gamma fixed at 1,0 the joint fit is the fit of the first band: the second adds nothing. Parts sum to the R2 of all.
variance_is_partitioned() {
    pair='encode --features m=features.h5:h.0 --features e=features.h5:embed --stimuli items.h5 --responses responses.h5'
    works $pair --partition m,e --gammas 1,0 --out e.h5 || return 1
    works export e.h5 --dataset partition/sets --to tsv --out column.tsv && [ "$(sed 1d column.tsv | tr '\n' ' ')" = 'm e m & e ' ] || { cat column.tsv; return 1; }
    column e.h5 partition/r2 | awk '{ for (i = 5; i <= 8; i++) if ($i > 1e-9 || $i < -1e-9) exit 1 }' || { echo 'the second band is not 0:'; cat column.tsv; return 1; }
    works $pair --features base=items.h5:item_words,item_characters --partition m,e,base --candidates 7 --out f.h5 || return 1
    column f.h5 partition/r2 >parts && column f.h5 set/m+e+base/r2_pooled >whole || return 1
    cat parts whole | awk 'NR == 1 { for (i = 1; i <= 28; i++) s[(i - 1) % 4] += $i } NR == 2 { for (i = 1; i <= 4; i++) { d = s[i - 1] - $i; if (d > 1e-9 || d < -1e-9) exit 1 } }' ||
        { echo 'parts do not sum to the whole'; cat parts whole; return 1; }
    [ "$(column f.h5 set/m+e+base/candidates | wc -w)" -eq 21 ] || { cat column.tsv; return 1; }
    refused "two or three different feature sets" -- $pair --partition m && refused "two or three" -- $pair --partition m,m &&
        refused "no feature set is called 'x'" -- $pair --partition m,x
}
given_gammas_are_checked() {
    for list in 1 0,0 '1,1;1' 1,-1 1,x; do
        refused '--gammas is a list of weights' -- $items --gammas "$list" || return 1
    done
    refused '--gammas has 3 weights' -- encode --features m=features.h5:h.0 --features e=features.h5:embed --bands m+e --gammas 1,1,1 --stimuli items.h5 --responses responses.h5
}

# ---- bad input ----

different_stimuli_lists_the_first_that_differ() {
    sed 's/^\(s00[3-9]\)/x\1/' responses.tsv >given.tsv && works import --from table --as responses given.tsv --out given.h5 || return 1
    refused '7 of 60 presentations' "presentation 3 'xs003', 4 'xs004', 5 'xs005', ..." "only the features have 's003', 's004', 's005', ..." -- \
        encode --features m=features.h5:h.0 --responses given.h5 --folds kfold:5,seed=1 --allow-random --inner random:3
}
alphas_below_0_or_not_finite() {
    for list in -1,2 inf,1 nan 1e400 '1:2:0' 1:x:3; do
        refused "--alphas is LO:HI:N" -- $items --alphas=$list || return 1
    done
}
an_empty_training_set() {
    series && refused 'no training presentations' -- encode --features oasm=oasm:.1 --responses series.h5 --folds contiguous:4,gap=1000
}
a_column_that_overflows_float32() {
    awk -F '\t' '{ print $0 "\t" (NR == 1 ? "size" : NR == 9 ? "1e39" : NR) }' items.tsv >large.tsv && works import --from table large.tsv --out large.h5 || return 1
    refused "'s008'" "'size' overflows float32" -- encode --features size=large.h5:size --responses responses.h5 --stimuli items.h5
}

inputs >.said 2>&1 || { sed 's/^/  /' .said; echo 'not ok inputs'; echo '0 passed, 1 failed, 0 skipped'; exit 1; }
check each_mode_says_its_folds_and_what_differs tuckute2024_has_its_sixty_alphas brainscore_has_one_alpha_for_all \
    brainscore_with_alpha_0_is_least_squares a_mode_decides_its_options \
    labels_are_shuffled_and_candidates_drawn_as_numpy_does the_config_says_what_a_mode_used their_folds_are_refused_in_strict_mode \
    shufflesplit_has_no_one_prediction given_folds_inside_and_outside \
    oasm_scores_exactly_0_where_the_gap_reaches_as_far_as_it_does oasm_predicts_across_shuffled_folds \
    oasm_that_reaches_over_the_gap_is_refused the_doctor_tells_folds_that_leak built_in_features_stand_for_the_baseline \
    variance_is_partitioned given_gammas_are_checked \
    different_stimuli_lists_the_first_that_differ alphas_below_0_or_not_finite an_empty_training_set a_column_that_overflows_float32
finish
