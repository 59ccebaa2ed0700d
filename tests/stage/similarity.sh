#!/bin/sh
# SPDX-License-Identifier: MIT
#
# broca similarity from outside: planted agreement, bytes, and what bad input says. All inputs are made here.

# shellcheck disable=SC2086,SC2317  # $items is several words; the tests are called by name
. "$(dirname "$0")/scaffold"
export LC_ALL=C.UTF-8

works() { "$broca" "$@" >.out 2>.err </dev/null || { echo "exit $?: broca $*"; cat .err; return 1; }; }
says() { grep -qiF -- "$1" .err || { echo "it does not say: $1"; cat .err; return 1; }; }
refused() { # TEXT -- ARGUMENT...: exit 2, the text, no product
    text=$1
    shift 2
    "$broca" similarity "$@" --out none.h5 >.out 2>.err </dev/null
    got=$?
    [ $got -eq 2 ] && [ ! -e none.h5 ] || { echo "exit $got, expected 2: $*"; cat .err; return 1; }
    says "$text"
}
column() { works export "$1" --dataset "$2" --to tsv --out column.tsv && sed 1d column.tsv | tr '\t\n' '  ' | sed 's/ *$//'; }

# 40 items in 10 groups; person s1 has the model's own units, s2 waves that have nothing to do with it, s3 only two neuroids.
inputs() {
    awk -F '\t' 'NR == 1 { print "id\ttext\tgroup" } NR > 1 && NR <= 41 { print $1 "\t" $2 "\tg" int((NR - 2) / 4) }' \
        "$project/stimuli/langloc-broca/stimuli.tsv" >items.tsv
    works import --from table items.tsv --out items.h5 &&
        works extract --arch gpt2,layers=1,width=24,heads=2,context=128,tokenizer=bytes --seed 7 --stimuli items.h5 --pool mean --out a.h5 &&
        works export a.h5 --dataset tap/h.0 --to tsv --out units.tsv || return 1
    sed 1d units.tsv | awk -F '\t' 'BEGIN { printf "id"; for (j = 0; j < 24; j++) printf "\ts1:R%d", j; for (j = 0; j < 9; j++) printf "\ts2:R%d", j; print "\ts3:R0\ts3:R1\ts1:flat" }
        { printf "%s", $0; for (j = 0; j < 9; j++) printf "\t%.6f", sin(NR * 1.7 * (j + 1)) ; printf "\t%.4f\t%.4f\t2.5\n", sin(NR), cos(NR) }' >r.tsv
    works import --from table --as responses r.tsv --out r.h5
}
pair='--activations a.h5 --responses r.h5 --stimuli items.h5'

the_model_itself_is_recovered() {
    for metric in rsa cka 'cka --kernel rbf'; do
        works similarity $pair --taps h.0 --metric $metric --out s.h5 || return 1
        column s.h5 value >value && column s.h5 row/p >p || return 1
        awk '{ exit !($1 > .999999 && $2 < .3 && $2 > -.3) }' value || { echo "$metric:"; cat value; return 1; }
        awk '{ exit !($1 == .001) }' p || { echo "$metric: p"; cat p; return 1; }
    done
}
the_excluded_are_named() {
    works similarity $pair --metric rsa --out s.h5 && says 'neuroid s1:flat:' && says 's3 is excluded: 2 neuroids are left, 3 are needed' &&
        [ "$(column s.h5 subject/name)" = 's1 s2' ] && [ "$(column s.h5 excluded/name | wc -w)" -eq 3 ] || { cat column.tsv; return 1; }
    works similarity $pair --metric cka --out s.h5 && [ "$(column s.h5 subject/name)" = 's1 s2 s3' ]
}
every_tap_has_its_row() {
    works similarity $pair --out s.h5 && [ "$(column s.h5 row/tap)" = 'embed h.0 final' ] || return 1
    works similarity $pair --taps final,h.0 --out t.h5 && [ "$(column t.h5 row/tap)" = 'final h.0' ]
}
# Without groups every pair counts, with a warning; the value differs.
groups_leave_pairs_out() {
    works similarity $pair --taps embed --out s.h5 && works similarity --activations a.h5 --responses r.h5 --taps embed --out t.h5 && says 'have no groups' || return 1
    [ "$(column s.h5 value)" != "$(column t.h5 value)" ]
}
threads_change_no_byte() {
    for metric in rsa cka; do
        for threads in 1 2 3; do works similarity $pair --metric $metric --permutations 99 --threads $threads --out s$threads.h5 || return 1; done
        cmp s1.h5 s2.h5 && cmp s1.h5 s3.h5 || return 1
    done
}
bad_input() {
    sed 's/^s003/x003/' r.tsv >x.tsv && works import --from table --as responses x.tsv --out x.h5 &&
        refused "item 'x003', which the activations do not have" -- --activations a.h5 --responses x.h5 || return 1
    sed '4d' r.tsv >x.tsv && works import --from table --as responses x.tsv --out x.h5 && refused "item 's003' of the activations has no response" -- --activations a.h5 --responses x.h5 || return 1
    awk 'BEGIN { FS = OFS = "\t" } { print $0, NR == 1 ? "onset" : 2 * NR }' r.tsv >x.tsv && works import --from table --as responses --tr 2 x.tsv --out x.h5 &&
        refused 'are a time series' -- --activations a.h5 --responses x.h5 || return 1
    cut -f 1,35,36 r.tsv >x.tsv && works import --from table --as responses x.tsv --out x.h5 && refused 'nobody has 3 neuroids' -- --activations a.h5 --responses x.h5 || return 1
    refused "did you mean 'cka'" -- $pair --metric cca && refused '--kernel goes with --metric cka' -- $pair --kernel rbf && refused 'h.00' -- $pair --taps h.00 &&
        refused '--responses is needed' -- --activations a.h5 && refused 'of kind' -- --activations items.h5 --responses r.h5 || return 1
    works extract --arch gpt2,layers=1,width=24,heads=2,context=128,tokenizer=bytes --seed 7 --stimuli items.h5 --pool none --out tokens.h5 &&
        refused 'a row of the activations is a token' -- --activations tokens.h5 --responses r.h5
}

check inputs
check the_model_itself_is_recovered the_excluded_are_named every_tap_has_its_row groups_leave_pairs_out threads_change_no_byte bad_input
finish
