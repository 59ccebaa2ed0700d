#!/bin/sh
# SPDX-License-Identifier: MIT
#
# The nulls and the jackknife from outside, through encode and score: planted signals reach the least p there is, what groups share by
# position alone reaches none, unrelated features reach none; what cannot be exchanged or rotated is refused.

# shellcheck disable=SC2086,SC2317  # options are several words; the tests are called by name
. "$(dirname "$0")/scaffold"
export LC_ALL=C

broca() { s=$1; shift; "$bin/broca-$s" --quiet "$@"; }
# cell MODEL KIND MEASURE COLUMN: of the row over subjects, layer nested, average of the regions, in scores.h5's table
cell() {
    awk -F '\t' -v model="$1" -v kind="$2" -v measure="$3" -v column="$4" '
        NR == 1 { for (i = 1; i <= NF; i++) at[$i] = i; next }
        $at["model"] == model && $at["layer"] == "nested" && $at["kind"] == kind && $at["measure"] == measure && $at["roi"] == "average" &&
            ($at["subject"] == "all" || $at["subject"] == "group") { print $at[column] }' scores.tsv
}
is() { [ "$1" = "$2" ] || { echo "$3: '$1', not '$2'"; cat scores.tsv; return 1; }; }
above() { awk -v a="$1" -v b="$2" 'BEGIN { exit !(a != "" && a > b) }' || { echo "$3: '$1' is not above $2"; return 1; }; }

# ---- items in groups ----

net=gpt2,layers=1,width=24,heads=2,context=128,tokenizer=bytes
inputs() {
    awk -F '\t' 'NR == 1 { print "id\ttext\tgroup\tplace" } NR > 1 && NR <= 121 { print $1 "\t" $2 "\tg" int((NR - 2) / 5) "\t" (NR - 2) % 5 }' \
        "$project/stimuli/langloc-broca/stimuli.tsv" >items.tsv
    # what is the same in every group at the same place, and nothing else
    awk -F '\t' 'NR == 1 { print "id\ts1:R0\ts2:R0"; next } { print $1 "\t" 1 + $4 * $4 "\t" 3 - $4 }' items.tsv >place.tsv
    broca import --from table items.tsv --out items.h5 && broca import --from table --as responses place.tsv --out place.h5 &&
        broca extract --arch $net --seed 7 --stimuli items.h5 --pool mean --out driving.h5 &&
        broca simulate --stimuli items.h5 --features driving.h5:h.0 --signal .6 --subjects 4 --neuroids 2 --seed 3 --out driven.h5 &&
        broca simulate --stimuli items.h5 --features driving.h5:h.0 --signal 0 --baseline 0 --ar 0 --subjects 4 --neuroids 2 --seed 4 --out noise.h5
}
items='--features m=driving.h5:h.0 --features length=items.h5:item_characters --baseline length --stimuli items.h5 --candidates 3'
score_of() { # responses and further options of encode
    broca encode $items --responses "$@" --out e.h5 && broca score --encoding e.h5 --out scores.h5
}
a_planted_signal_has_the_least_p_of_permuted_groups() {
    score_of driven.h5 --null group:19 --jackknife group || return 1
    is "$(cell m plain r p)" 0.05 'p of r' && is "$(cell m joint delta_r2 p)" 0.05 'p of Delta R2' && is "$(cell m plain r null)" group:19 null &&
        above "$(cell m joint delta_r2 lo)" 0 'lower bound of Delta R2' && above .15 "$(cell m plain r null_mean)" 'the null mean of r'
}
noise_is_not_found() {
    score_of noise.h5 --null group:19 || return 1
    above "$(cell m plain r p)" .05 'p of r' && above "$(cell m joint delta_r2 p)" .05 'p of Delta R2'
}
# whole groups are exchanged, so such responses stay as they are: every null ties with the observed score
position_within_the_group_alone_has_p_1() {
    broca encode --features place=items.h5:place --stimuli items.h5 --responses place.h5 --null group:19 --out e.h5 &&
        broca score --encoding e.h5 --out scores.h5 || return 1
    above "$(cell place plain r value)" .5 r && is "$(cell place plain r p)" 1 'p of r'
}
the_group_target_has_nulls_too() {
    score_of driven.h5 --target group --null group:19 || return 1
    is "$(cell m plain r p)" 0.05 'p of r' && is "$(cell m joint delta_r2 p)" 0.05 'p of Delta R2'
}
groups_of_their_own_size_are_refused() {
    awk -F '\t' -v OFS='\t' 'NR > 1 { g = int((sqrt(8 * (NR - 2) + 1) - 1) / 2); $3 = "g" g } { print }' items.tsv >uneven.tsv
    broca import --from table uneven.tsv --out uneven.h5 &&
        refused 'a size of their own and cannot be exchanged' encode --features m=driving.h5:h.0 --stimuli uneven.h5 --responses place.h5 --null group:19
}
items_are_no_time_series() {
    refused 'needs a time series' encode $items --responses driven.h5 --null phase:19 && refused 'needs a time series' encode $items --responses driven.h5 --null circular:19
}

# ---- time series ----

series() {
    awk 'NR <= 401' "$project/stimuli/simulated-story/words.tsv" >words.tsv
    broca import --from words words.tsv --out story.h5 &&
        broca extract --arch $net --seed 7 --stimuli story.h5 --context window:96 --pool word --layers h.0 --out words.h5 &&
        broca simulate --stimuli story.h5 --features words.h5:h.0 --signal .5 --subjects 4 --neuroids 2 --tr 2 --seed 5 --out heard.h5 &&
        broca simulate --stimuli story.h5 --features words.h5:h.0 --signal 0 --baseline 0 --ar .6 --subjects 4 --neuroids 2 --tr 2 --seed 6 --out unheard.h5
}
story='--features m=words.h5:h.0 --features rate=story.h5:word_rate --baseline rate --folds contiguous:4,gap=4 --delays 2s,4s,6s --candidates 3'
heard_of() { broca encode $story --responses "$@" --out e.h5 && broca score --encoding e.h5 --out scores.h5; }
phases_drawn_anew_leave_nothing_of_a_planted_signal() {
    for target in group single; do
        heard_of heard.h5 --target $target --null phase:19 --jackknife 20s || return 1
        is "$(cell m plain r p)" 0.05 "p of r, $target" && is "$(cell m joint delta_r2 p)" 0.05 "p of Delta R2, $target" &&
            is "$(cell m plain r null)" phase:19 null && above .2 "$(cell m plain r null_mean)" 'the null mean of r' || return 1
    done
}
phases_of_unrelated_noise_are_as_good_as_its_own() {
    heard_of unheard.h5 --target group --null phase:19 || return 1
    above "$(cell m plain r p)" .05 'p of r' && above "$(cell m joint delta_r2 p)" .05 'p of Delta R2'
}
nulls_have_the_same_bytes_on_more_threads() {
    for null in group:9 phase:9; do
        case $null in group*) options="$items --responses driven.h5" ;; *) options="$story --responses heard.h5" ;; esac
        broca encode $options --null $null --threads 1 --out one.h5 && broca encode $options --null $null --threads 2 --out two.h5 && cmp one.h5 two.h5 || return 1
    done
}

check inputs a_planted_signal_has_the_least_p_of_permuted_groups noise_is_not_found position_within_the_group_alone_has_p_1 \
    the_group_target_has_nulls_too groups_of_their_own_size_are_refused items_are_no_time_series
check series phases_drawn_anew_leave_nothing_of_a_planted_signal phases_of_unrelated_noise_are_as_good_as_its_own \
    nulls_have_the_same_bytes_on_more_threads
finish
