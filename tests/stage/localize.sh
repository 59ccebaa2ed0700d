#!/bin/sh
# SPDX-License-Identifier: MIT
#
# broca localize from outside: conditions by any column, sums of conditions, exactly k, replicate modes, controls and complement
# as features of broca encode, what the page says; and each error of a contrast that cannot be made. All inputs are made here.

# shellcheck disable=SC2086,SC2317  # the tests are called by name
. "$(dirname "$0")/scaffold"
export LC_ALL=C

values() { "$broca" export --quiet "$1" --dataset "$2" --to tsv --out values.tsv && sed 1d values.tsv; }
localize() { works localize --activations a.h5 --stimuli s.h5 "$@"; }

made() {
    awk -F '\t' 'BEGIN { OFS = "\t" } NR == 1 { print $1, $2, $3, "kind"; next } $5 <= 40 { print $1, $2, $3, $3 == "S" || $3 == "W" ? "words" : "no-words" }' \
        "$project/stimuli/langloc-broca/stimuli.tsv" >s.tsv
    works import --from table s.tsv --out s.h5 &&
        works extract --arch gpt2,layers=2,width=32,heads=2,context=128 --seed 3 --stimuli s.h5 --out a.h5
}

exactly_k_units_are_selected() {
    localize --contrast S-N --select k:7 --out k.h5 && says 'S-N: 7 of 128 units selected' &&
        for tap in embed h.0 h.1 final; do values k.h5 tap/$tap/selected; done | awk '{ n += $1 } END { exit n != 7 }' || return 1
    localize --contrast S-N --select k:7 --per layer --out k.h5 && says '28 of 128 units' || return 1
    localize --contrast S-N --select range:90-100 --out k.h5 && says '13 of 128 units' || return 1
    localize --contrast S-N --select top:50% --out k.h5 && says '64 of 128 units'
}
# The highest t among the units that are not selected is not above the lowest among those that are
the_largest_t_are_selected() {
    localize --contrast S-N --match none --select k:9 --out k.h5 || return 1
    for tap in embed h.0 h.1 final; do values k.h5 tap/$tap/t >t.txt; values k.h5 tap/$tap/selected | paste t.txt -; done |
        awk '$1 != "NaN" { if ($2 == 1) { if (n++ == 0 || $1 < low) low = $1 } else if (!any++ || $1 > high) high = $1 } END { exit n != 9 || high > low }'
}
a_condition_may_be_any_column() {
    localize --condition kind --contrast words-no-words --match none --out kind.h5 &&
        localize --contrast '(S+W)-(J+N)' --match none --out sum.h5 || return 1
    for tap in h.0 final; do
        [ "$(values kind.h5 tap/$tap/t)" = "$(values sum.h5 tap/$tap/t)" ] || { echo "$tap differs"; return 1; }
    done
    works inspect kind.h5 && grep -q 'condition *kind' out
}
equal_names_of_other_columns_are_refused() {
    refused "the stimuli have no column 'kinds'; beside condition there are: kind" localize --activations a.h5 --stimuli s.h5 \
        --condition kinds --contrast words-no-words
}
a_condition_that_is_missing_is_named() {
    refused 'two names joined by' localize --activations a.h5 --stimuli s.h5 --contrast S-X || return 1
    says 'S W J N' || return 1
    refused 'two names joined by' localize --activations a.h5 --stimuli s.h5 --contrast SN
}
one_item_of_a_condition_is_refused() {
    awk -F '\t' '$3 != "N" || !n++' s.tsv >one.tsv
    works import --from table one.tsv --out one.h5 && works extract --arch gpt2,layers=1,width=16,heads=2,context=128 --stimuli one.h5 --out onea.h5 &&
        refused 'the contrast has 40 and 1 items; at least 2 of each are needed' localize --activations onea.h5 --stimuli one.h5 --contrast S-N
}
# Position 0 of a network without context is the same for every first token: items that are all one text have no variance
constant_units_have_no_t_and_are_counted() {
    printf 'id\ttext\tcondition\n' >same.tsv
    i=0
    while [ $i -lt 12 ]; do
        printf 'i%d\tone and the same\t%s\n' $i "$([ $((i % 2)) -eq 0 ] && echo A || echo B)" >>same.tsv
        i=$((i + 1))
    done
    works import --from table same.tsv --out same.h5 && works extract --arch gpt2,layers=1,width=16,heads=2,context=64 --stimuli same.h5 --out samea.h5 &&
        works localize --activations samea.h5 --stimuli same.h5 --contrast A-B --select top:50% --out same.l.h5 && says '0 of 48 units selected' || return 1
    values same.l.h5 tap/h.0/t | awk '$1 != "NaN" { exit 1 }' && values same.l.h5 tap/h.0/selected | awk '$1 != 0 { exit 1 }' &&
        works inspect same.l.h5 && grep -q 'n_nan *48' out
}
replicate_modes_do_what_their_code_did() {
    localize --contrast S-N --mode replicate:A25 --out a25.h5 && says '1 of 128 units' && says 'reads the first 12 tokens of an item' || return 1
    values a25.h5 tap/h.1/t_activation >/dev/null || { echo 'no map of plain values'; return 1; }
    works extract --arch gpt2,layers=2,width=32,heads=2,context=128 --seed 3 --stimuli s.h5 --truncate 12 --out cut.h5 &&
        works localize --activations cut.h5 --stimuli s.h5 --contrast S-N --mode replicate:A24 --select k:20 --out a24.h5 || return 1
    ! grep -q 'reads the first 12 tokens' err || { echo 'warned about 12 tokens'; return 1; }
    refused '--mode replicate:A25 says what --match is' localize --activations a.h5 --stimuli s.h5 --contrast S-N --mode replicate:A25 --match none
}
controls_and_complement_are_features_too() {
    localize --contrast S-N --select k:12 --controls 3 --split-half --permutations 20 --splits 5 --out l.h5 || return 1
    awk -F '\t' 'BEGIN { OFS = "\t"; print "id", "s1:A", "s1:B" } NR > 1 { print $1, ($3 == "S") + sin(7 * NR), cos(3 * NR) }' s.tsv >r.tsv
    works import --as responses --from table r.tsv --out r.h5 || return 1
    f=a.h5:embed,h.0,h.1,final
    works encode --responses r.h5 --stimuli s.h5 --folds random:4 --allow-random --save weight --features all=$f --features lang=$f --features rest=$f \
        --features random=$f --units lang=l.h5 --units rest=l.h5:complement --units random=l.h5:control.2 --out e.h5 || return 1
    n=$(for s in all lang rest random; do values e.h5 set/$s/weight | wc -l; done | tr '\n' ' ')
    [ "$n" = '128 12 116 12 ' ] || { echo "columns: $n"; return 1; }
    refused 'there are 3 sets of control units (from 0), not a set 3' encode --responses r.h5 --stimuli s.h5 --folds random:4 --allow-random \
        --features lang=$f --units l.h5:control.3 || return 1
    refused 'no feature set is called lagn' encode --responses r.h5 --stimuli s.h5 --folds random:4 --allow-random --features lang=$f --units lagn=l.h5 || return 1
    refused "'contrl.1' is neither selected, complement nor control.N" encode --responses r.h5 --stimuli s.h5 --folds random:4 --allow-random \
        --features lang=$f --units l.h5:contrl.1
}
the_page_tells_the_network() {
    localize --contrast S-N --select k:12 --controls 3 --split-half --permutations 20 --splits 5 --against k.h5 --out l.h5 &&
        works topography --localizer l.h5 --activations a.h5 --stimuli s.h5 --permutations 19 --threshold 1 --least-size 3 --out t.h5 &&
        says "the layout is random (seed 1), not the model's" && says 'profiles of held-out items' || return 1
    works report --localizer l.h5 --topography t.h5 --title 'A <network>' --out page.html || return 1
    for text in '<title>A &lt;network&gt;</title>' 'What the selected units respond to' 'What clusters respond to' 'Dice, halves' \
        'The layout is not the model’s'; do
        grep -qF "$text" page.html || { echo "not on the page: $text"; return 1; }
    done
    ! grep -q '<script\|href="http\|src=' page.html
}

check made
check exactly_k_units_are_selected the_largest_t_are_selected a_condition_may_be_any_column equal_names_of_other_columns_are_refused \
    a_condition_that_is_missing_is_named one_item_of_a_condition_is_refused constant_units_have_no_t_and_are_counted \
    replicate_modes_do_what_their_code_did controls_and_complement_are_features_too the_page_tells_the_network

finish
