#!/bin/sh
# SPDX-License-Identifier: MIT
#
# broca topography from outside: a small network with sheets made here, Moran's I beside a double sum in awk, both nulls, the
# layouts for models without a sheet, a mesh, white noise, the page; and the pair of topolm-small-pytorch where it can be had.

# shellcheck disable=SC2086,SC2317  # the tests are called by name
. "$(dirname "$0")/scaffold"
export LC_ALL=C

# values FILE DATASET: one value a line
values() { # two may run at once, at both ends of a pipe
    f=column.$(echo "$1.$2" | tr '/' '_').tsv
    "$broca" export --quiet "$1" --dataset "$2" --to tsv --out "$f" && sed 1d "$f"
}

# ---- a network of 36 units a tap, 6 × 6 sheets in topography.safetensors ----

# number 0 ... 5 as little-endian float32
float() {
    case $1 in
    0) printf '\000\000\000\000' ;; 1) printf '\000\000\200\077' ;; 2) printf '\000\000\000\100' ;;
    3) printf '\000\000\100\100' ;; 4) printf '\000\000\200\100' ;; 5) printf '\000\000\240\100' ;;
    esac
}
# sheets FILE SHIFT TAP...: unit k of the i-th tap at place (SHIFT·k + i) mod 36, row-major
sheets() {
    file=$1 shift=$2
    shift 2
    header='{' begin=0
    for tap; do
        header="$header\"$tap\":{\"dtype\":\"F32\",\"shape\":[36,2],\"data_offsets\":[$begin,$((begin + 288))]},"
        begin=$((begin + 288))
    done
    header="${header%,}}"
    length=${#header}
    # shellcheck disable=SC2059
    printf "\\$(printf %03o $((length % 256)))\\$(printf %03o $((length / 256)))\\000\\000\\000\\000\\000\\000" >"$file"
    printf '%s' "$header" >>"$file"
    i=0
    for tap; do
        k=0
        while [ $k -lt 36 ]; do
            place=$(((shift * k + i) % 36))
            float $((place / 6))
            float $((place % 6))
            k=$((k + 1))
        done
        i=$((i + 1))
    done >>"$file"
}
made() {
    awk -F '\t' 'NR == 1 || (($3 == "S" || $3 == "N") && $5 <= 30)' "$project/stimuli/langloc-broca/stimuli.tsv" >s.tsv
    works import --from table s.tsv --out s.h5 &&
        works extract --arch gpt2,layers=2,width=36,heads=2,context=128 --seed 3 --stimuli s.h5 --layers sublayers --pool mean --out a.h5 &&
        works localize --activations a.h5 --stimuli s.h5 --contrast S-N --select q:.05 --match none --out l.h5 &&
        sheets sheet.safetensors 5 h.0.attn h.0.mlp h.1.attn h.1.mlp
}
check made

topography() { works topography --localizer l.h5 --sheets sheet.safetensors "$@"; }

a_product_holds_every_map_with_a_sheet() {
    topography --activations a.h5 --stimuli s.h5 --permutations 99 --out t.h5 || return 1
    says '8 taps without a sheet are left out: embed h.0.ln_1 h.0.ln_2 h.0 h.1.ln_1 h.1.ln_2 h.1 final' || return 1
    [ "$(grep -c 'left out' err)" -eq 1 ] || return 1
    values t.h5 table/tap | tr '\n' ' ' >taps
    [ "$(cat taps)" = 'h.0.attn h.0.mlp h.1.attn h.1.mlp ' ] || { cat taps; return 1; }
    for d in I expected z p p_analytic p_labels null null_labels smoothed p_presmooth null_presmooth smoothed_t positions \
        distance/r distance/null_hi; do
        values t.h5 tap/h.1.mlp/$d >column || { echo "no $d"; return 1; }
        case $d in null*) want=99 ;; positions) want=36 ;; smoothed_t) want=6 ;; distance/*) want=0 ;; *) want=1 ;; esac
        [ $want -eq 0 ] || [ "$(wc -l <column)" -eq $want ] || { echo "$d: $(wc -l <column) rows"; return 1; }
    done
}
# I by the double sum over all pairs of units, from the exported t and positions
moran_equals_a_double_sum_in_awk() {
    for tap in h.0.attn h.1.mlp; do
        values t.h5 tap/$tap/t >t.txt
        values t.h5 tap/$tap/positions >p.txt
        paste t.txt p.txt | awk -v want="$(values t.h5 tap/$tap/I)" '
            { t[NR] = $1; r[NR] = $2; c[NR] = $3; mean += $1 }
            END {
                n = NR; mean /= n
                for (i = 1; i <= n; i++) {
                    den += (t[i] - mean) ^ 2; lag = 0; k = 0
                    for (j = 1; j <= n; j++) {
                        dr = r[i] - r[j]; dc = c[i] - c[j]
                        if (i != j && dr * dr <= 1 && dc * dc <= 1) { lag += t[j] - mean; k++ }
                    }
                    num += (t[i] - mean) * lag / k
                }
                d = num / den - want
                if (n != 36 || d > 1e-9 || d < -1e-9) { print n, num / den, want; exit 1 }
            }' || return 1
    done
}
p_follows_from_the_null_that_is_stored() {
    for tap in h.0.mlp h.1.attn; do
        for pair in I:null:p I:null_labels:p_labels smoothed:null_presmooth:p_presmooth; do
            what=${pair%%:*} null=${pair#*:}
            values t.h5 tap/$tap/${null%:*} | awk -v I="$(values t.h5 tap/$tap/$what)" -v p="$(values t.h5 tap/$tap/${null#*:})" '
                $1 >= I - 1e-12 { b++ } END { d = (b + 1) / (NR + 1) - p; if (d * d > 1e-18) { print b, NR, p; exit 1 } }' || return 1
        done
    done
}
threads_change_no_byte() {
    topography --activations a.h5 --stimuli s.h5 --permutations 99 --threads 1 --out t1.h5 &&
        topography --activations a.h5 --stimuli s.h5 --permutations 99 --threads 3 --out t3.h5 && cmp t1.h5 t3.h5
}
rook_and_another_sheet_are_other_values() {
    topography --weights rook --smooth 0 --permutations 9 --out rook.h5 || return 1
    sheets other.safetensors 7 h.0.attn h.0.mlp h.1.attn h.1.mlp
    works topography --localizer l.h5 --sheets other.safetensors --smooth 0 --permutations 9 --out other.h5 || return 1
    a=$(values t.h5 tap/h.0.mlp/I) b=$(values rook.h5 tap/h.0.mlp/I) c=$(values other.h5 tap/h.0.mlp/I)
    if [ "$a" = "$b" ] || [ "$a" = "$c" ] || [ "$b" = "$c" ]; then echo "$a $b $c"; return 1; fi
    ! values rook.h5 tap/h.0.mlp/smoothed 2>/dev/null
}
models_without_a_sheet_get_a_labelled_layout() {
    for seed in 1 2; do
        works topography --localizer l.h5 --seed $seed --permutations 9 --out r$seed.h5 &&
            says "warning: the layout is random (seed $seed), not the model's" || return 1
    done
    [ "$(values r1.h5 tap/embed/I)" != "$(values r2.h5 tap/embed/I)" ] || { echo 'one layout for both seeds'; return 1; }
    works topography --localizer l.h5 --activations a.h5 --stimuli s.h5 --layout optimised --permutations 9 --out o.h5 &&
        says 'was optimised on these responses after training' || return 1
    [ "$(values o.h5 tap/h.1/p)" = NaN ] || { echo "p is $(values o.h5 tap/h.1/p)"; return 1; }
    works inspect o.h5 && grep -q 'layout *optimised' out
}
a_mesh_takes_the_place_of_the_sheet() {
    { echo 'a b c'; k=0; while [ $k -lt 33 ]; do echo "$k $((k + 1)) $((k + 2))"; k=$((k + 1)); done; } | tr ' ' '\t' >mesh.tsv
    refused '1 vertices with a value in map embed lie in no face, the first is 35' topography --localizer l.h5 --weights mesh:mesh.tsv || return 1
    printf '33\t34\t35\n' >>mesh.tsv
    works topography --localizer l.h5 --weights mesh:mesh.tsv --permutations 9 --out m.h5 || return 1
    ! values m.h5 tap/embed/positions 2>/dev/null || return 1
    printf 'a\tb\tc\n0\t1\t99\n' >bad.tsv
    refused 'face 0 names vertex 99, the map has 36' topography --localizer l.h5 --weights mesh:bad.tsv || return 1
    printf 'a\tb\tc\n0\t1\t2.5\n' >bad.tsv
    refused 'row 1, column c' topography --localizer l.h5 --weights mesh:bad.tsv
}
bad_input_gets_one_clear_error() {
    refused 'no map has a sheet there' topography --localizer l.h5 --sheets none.safetensors || return 1
    refused 'a.h5 holds no sheet' topography --localizer l.h5 --activations a.h5 --layout given || return 1
    refused 'where do the units lie' topography --localizer l.h5 --layout given || return 1
    refused "a file of kind 'stimuli', expected 'localizer'" topography --localizer s.h5 --layout random || return 1
    sheets twice.safetensors 6 h.0.attn
    refused 'both lie at (0, 0)' topography --localizer l.h5 --sheets twice.safetensors || return 1
    refused 'is below 0' topography --localizer l.h5 --layout random --smooth -1 || return 1
    refused "--threshold is q:X" topography --localizer l.h5 --layout random --threshold q:2 || return 1
    refused "--weights is queen, rook, mesh:FILE or voxels:N, not 'king'" topography --localizer l.h5 --layout random --weights king || return 1
    refused '--noise stands alone' topography --noise 3 --localizer l.h5
}
maps_of_other_responses_are_refused() {
    works extract --arch gpt2,layers=2,width=36,heads=2,context=128 --seed 4 --stimuli s.h5 --layers sublayers --pool mean --out b.h5 &&
        refused 'give the activations and stimuli that the map was made of' topography --localizer l.h5 --sheets sheet.safetensors \
            --activations b.h5 --stimuli s.h5
}
token_counts_are_taken_off_as_in_the_map() {
    works localize --activations a.h5 --stimuli s.h5 --contrast S-N --match covariate --out lc.h5 &&
        works topography --localizer lc.h5 --sheets sheet.safetensors --activations a.h5 --stimuli s.h5 --permutations 19 --out c.h5
}
noise_shows_what_smoothing_makes() {
    works topography --noise 60 --size 14x14 --permutations 39 --out n.h5 && says 'white noise: I ' || return 1
    values n.h5 table/smoothed | awk '{ s += $1 } END { if (NR != 60 || s / NR < .54 || s / NR > .62) { print NR, s / NR; exit 1 } }' &&
        values n.h5 table/I | awk '{ s += $1 } END { if (s / NR < -.03 || s / NR > .02) { print s / NR; exit 1 } }'
}
the_page_shows_both_side_by_side() {
    works report --topography t.h5 --topography c.h5 --title 'Two <maps>' --out page.html || return 1
    [ "$(grep -c '<svg' page.html)" -ge 8 ] || { echo "$(grep -c '<svg' page.html) figures"; return 1; }
    grep -q '<title>Two &lt;maps&gt;</title>' page.html && grep -q 'h\.1\.mlp' page.html && ! grep -q '<script\|href="http\|src=' page.html
}

sheets none.safetensors 5 h.7.attn
check a_product_holds_every_map_with_a_sheet moran_equals_a_double_sum_in_awk p_follows_from_the_null_that_is_stored \
    threads_change_no_byte rook_and_another_sheet_are_other_values models_without_a_sheet_get_a_labelled_layout \
    a_mesh_takes_the_place_of_the_sheet bad_input_gets_one_clear_error maps_of_other_responses_are_refused \
    token_counts_are_taken_off_as_in_the_map noise_shows_what_smoothing_makes the_page_shows_both_side_by_side

# ---- the pair ----

pair=$project/models/topolm-small-pytorch
[ -f "$pair/topolm-small/topography.safetensors" ] || pair=$BROCA_SHARED/data/topolm-small-pytorch
# Every tap of both models: unsmoothed I, extremes of t, positive units
the_pair_equals_its_expected_values() {
    works import --from table "$pair/stimuli.tsv" --out ps.h5 || return 1
    for m in topolm-small topolm-small-control; do
        works extract --model "$pair/$m" --stimuli ps.h5 --layers h.0-3.attn,h.0-3.mlp --pool mean --special no --out pa.h5 &&
            works localize --activations pa.h5 --stimuli ps.h5 --contrast S-N --match none --select q:.05 --out pl.h5 &&
            works topography --localizer pl.h5 --activations pa.h5 --smooth 0 --permutations 99 --out pt.h5 || return 1
        values pt.h5 table/tap >column.tap
        for c in I t_min t_max units_t_positive; do values pt.h5 table/$c >column.$c; done
        paste column.tap column.I column.t_min column.t_max column.units_t_positive | sed "s/^/$m\t/"
    done >ours.tsv
    awk -F '\t' 'function off(a, b, t) { return a - b > t || b - a > t }
        NR == FNR { if (FNR > 1) want[$1 FS $2] = $0; next }
        { split(want[$1 FS $2], w, "\t"); n++
          if (off($3, w[3], 1e-3) || off($4, w[4], 2e-3 * -w[4]) || off($5, w[5], 2e-3 * w[5]) || $6 != w[6]) { print; bad = 1 } }
        END { exit bad || n != 16 }' "$pair/expected_localizer.tsv" ours.tsv
}
if [ -f "$pair/topolm-small/topography.safetensors" ]; then check the_pair_equals_its_expected_values
else skip the_pair_equals_its_expected_values 'topolm-small-pytorch is not here (pipeline/fetch topolm-small-pytorch)'
fi

finish
