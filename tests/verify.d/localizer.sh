# SPDX-License-Identifier: MIT
# Localizer, sheets and SUMA (sourced by tests/verify).

# ---- topography: what smoothing makes of white noise, and how often its null is wrong ----
command='broca topography --noise 1000 --permutations 99 --smooth 2 --out noise.h5'
source='oracles/readout_smoothing: NumPy, 1,000 maps of 28 x 28'
"$bin/broca-topography" --quiet --noise 1000 --permutations 99 --smooth 2 --out $work/noise.h5 || exit 1
# moments FILE DATASET: mean and sd; share_low: per cent of p <= .05
moments() { column "$1" "$2" | awk '{ for (i = 1; i <= NF; i++) { s += $i; q += $i * $i }; m = s / NF; printf "%.5f %.5f\n", m, sqrt(q / NF - m * m) }'; }
share_low() { column "$1" "$2" | awk '{ for (i = 1; i <= NF; i++) n += $i <= .05 + 1e-9; printf "%.1f", 100 * n / NF }'; }
m=$(moments $work/noise.h5 table/smoothed)
row 'white noise read out at FWHM 2: mean queen I' "$command" "$source" "${m% *}" .603 .003
row 'white noise read out at FWHM 2: sd of queen I' "$command" "$source" "${m#* }" .028 .002
m=$(moments $work/noise.h5 table/I)
row 'white noise unsmoothed: mean queen I' "$command" '-1/783; tolerance 3 standard errors' "${m% *}" -.00128 .0018
row 'white noise read out: p of positions permuted before smoothing <= .05, per cent' "$command" 'a null is wrong in 5 %' "$(share_low $work/noise.h5 table/p_presmooth)" 5 2
row 'white noise unsmoothed: p of permuted positions <= .05, per cent' "$command" 'a null is wrong in 5 %' "$(share_low $work/noise.h5 table/p)" 5 2

# ---- the TopoLM pair: Moran's I, t, positive units, whole maps, the readout ----
pair=models/topolm-small-pytorch
[ -f $pair/topolm-small/topography.safetensors ] || pipeline/fetch topolm-small-pytorch >/dev/null 2>&1
command='broca extract --model MODEL --layers h.0-3.attn,h.0-3.mlp --pool mean --special no; localize --contrast S-N --match none; topography'
source='topolm-small-pytorch/expected_localizer.tsv: transformers 4.48, float64'
reference=$shared/reference/topolm_small
# map_difference RUN FILE: largest |t - reference t| over the 8 sheets
map_difference() {
    "$bin/broca-export" --quiet "$reference/tmaps.h5" --dataset "$1/own" --to tsv --out "$work/reference.tsv" || return 1
    k=0
    for tap in h.0.attn h.0.mlp h.1.attn h.1.mlp h.2.attn h.2.mlp h.3.attn h.3.mlp; do
        "$bin/broca-export" --quiet "$2" --dataset "tap/$tap/t" --to tsv --out "$work/t.tsv" &&
            "$bin/broca-export" --quiet "$2" --dataset "tap/$tap/positions" --to tsv --out "$work/p.tsv" || return 1
        paste "$work/t.tsv" "$work/p.tsv" | awk -v k=$k 'NR > 1 { print k, $2, $3, $1 }'
        k=$((k + 1))
    done | awk 'NR == FNR { if (FNR > 1) for (i = 3; i <= NF; i++) want[$1, $2, i - 3] = $i; next }
        { d = $4 - want[$1, $2, $3]; if (d < 0) d = -d; if (!(($1, $2, $3) in want)) d = 1e9; if (d > most) most = d; n++ }
        END { printf "%.4f", n == 8 * 196 ? most : 1e9 }' "$work/reference.tsv" -
}
# published_rows MODEL: the published localizer's items
langloc=stimuli/obtained/langloc
[ -f $langloc/langloc_fmri_run1_stim_set1.csv ] || pipeline/fetch langloc >/dev/null 2>&1
published_rows() {
    if [ ! -f $langloc/langloc_fmri_run1_stim_set1.csv ]; then
        skip "$1: Moran's I with the published items" "$command" 'reference/topolm_small' 'langloc cannot be had here'
        return
    fi
    "$bin/broca-import" --quiet --from langloc $langloc --out $work/published.h5 &&
        "$bin/broca-extract" --quiet --model $pair/$1 --stimuli $work/published.h5 --layers h.0-3.attn,h.0-3.mlp --pool mean --special no --out $work/pa.h5 &&
        "$bin/broca-localize" --quiet --activations $work/pa.h5 --stimuli $work/published.h5 --contrast S-N --match none --select q:.05 --out $work/pl.h5 &&
        "$bin/broca-topography" --quiet --localizer $work/pl.h5 --activations $work/pa.h5 --stimuli $work/published.h5 --permutations 9 --out $work/pt.h5 || exit 1
    m=$(moments $work/pt.h5 table/I)
    row "$1, published items: unsmoothed Moran's I, mean of 8 taps" "import --from langloc; $command" 'reference/topolm_small/README.md (float32 weights)' "${m% *}" $published .002
    m=$(moments $work/pt.h5 table/smoothed)
    row "$1, published items: Moran's I at FWHM 2, mean of 8 taps" "import --from langloc; $command" 'reference/topolm_small/README.md (float32 weights)' "${m% *}" $published_smoothed .003
}
# covariate_rows MODEL: the contrast with token count taken off
covariate_rows() {
    "$bin/broca-localize" --quiet --activations $work/a.h5 --stimuli $work/pair.h5 --contrast S-N --select q:.05 --out $work/lc.h5 &&
        "$bin/broca-topography" --quiet --localizer $work/lc.h5 --activations $work/a.h5 --smooth 0 --permutations 99 --out $work/tc.h5 || exit 1
    case $1 in
    topolm-small) theirs='.60210 778' ;;
    *) theirs='-.03629 758' ;;
    esac
    m=$(moments $work/tc.h5 table/I)
    row "$1: unsmoothed Moran's I of the contrast beside token count, mean of 8 taps" 'the same with localize --match tokens (not matchable: covariate)' \
        'NumPy: OLS of activation on condition and token count' "${m% *}" "${theirs% *}" .001
    m=$(column $work/tc.h5 table/units_t_positive | awk '{ for (i = 1; i <= NF; i++) n += $i; print n }')
    row "$1: units with t > 0 beside token count, of 1568" 'the same' 'NumPy: OLS of activation on condition and token count' "$m" "${theirs#* }" equal
}
if [ -f $pair/topolm-small/topography.safetensors ]; then
    "$bin/broca-import" --quiet --from table $pair/stimuli.tsv --out $work/pair.h5 || exit 1
    for model in topolm-small topolm-small-control; do
        "$bin/broca-extract" --quiet --model $pair/$model --stimuli $work/pair.h5 --layers h.0-3.attn,h.0-3.mlp --pool mean --special no --out $work/a.h5 &&
            "$bin/broca-localize" --quiet --activations $work/a.h5 --stimuli $work/pair.h5 --contrast S-N --match none --select q:.05 --out $work/l.h5 &&
            "$bin/broca-topography" --quiet --localizer $work/l.h5 --activations $work/a.h5 --stimuli $work/pair.h5 --out $work/topography.h5 || exit 1
        taps=$(column $work/topography.h5 table/tap)
        for what in I t_min t_max units_t_positive; do
            ours=$(column $work/topography.h5 table/$what)
            for tap in $taps; do
                a=${ours%% *}; ours=${ours#* }
                b=$(awk -F '\t' -v m=$model -v t="$tap" -v c=$what 'NR == 1 { sub(/moran_unsmoothed/, "I"); for (i = 1; i <= NF; i++) if ($i == c) k = i } $1 == m && $2 == t { print $k }' $pair/expected_localizer.tsv)
                case $what in
                I) row "$model, $tap: unsmoothed Moran's I" "$command" "$source" "$(printf '%.6f' "$a")" "$b" .001 ;;
                units_t_positive) row "$model, $tap: units with t > 0" "$command" "$source" "$a" "$b" equal ;;
                *) row "$model, $tap: $what" "$command" "$source" "$(printf '%.4f' "$a")" "$b" "$(awk -v b="$b" 'BEGIN { printf "%.4f", .002 * (b < 0 ? -b : b) }')" ;;
                esac
            done
        done
        case $model in
        topolm-small) run=topo_s1 mean=.689 smoothed=.8625 permuted=.5813 published=.669 published_smoothed=.856 ;;
        *) run=control_s1 mean=-.024 smoothed=.5733 permuted=.5744 published=-.037 published_smoothed=.557 ;;
        esac
        m=$(moments $work/topography.h5 table/I)
        row "$model: unsmoothed Moran's I, mean of 8 taps" "$command" "$source" "${m% *}" $mean .001
        m=$(moments $work/topography.h5 table/smoothed)
        row "$model: Moran's I at FWHM 2, mean of 8 taps" "$command" 'reference/topolm_small/moran.tsv (float32 weights)' "${m% *}" $smoothed .002
        m=$(moments $work/topography.h5 table/presmooth_mean)
        row "$model: the same with positions permuted before smoothing" "$command" 'reference/topolm_small/moran.tsv (other permutations)' "${m% *}" $permuted .012
        m=$(column $work/topography.h5 table/p | awk '{ for (i = 1; i <= NF; i++) { if (i == 1 || $i < lo) lo = $i; if ($i > hi) hi = $i } printf "%.3f %.3f", lo, hi }')
        case $model in
        topolm-small) row "$model: largest p of permuted positions of 8 taps" "$command" 'reference/topolm_small: .001 for every tap' "${m#* }" .001 1e-9 ;;
        *) row "$model: smallest p of permuted positions of 8 taps" "$command" 'reference/topolm_small/moran.tsv (other permutations: 3 standard errors)' "${m% *}" .175 .04 ;;
        esac
        covariate_rows $model
        if [ -f "$reference/tmaps.h5" ]; then
            row "$model: largest difference of a t of the whole maps (t from -52 to 53)" "$command" 'reference/topolm_small/tmaps.h5 (float32 weights)' "$(map_difference $run $work/topography.h5)" 0 .03
        else
            skip "$model: largest difference of a t of the whole maps" "$command" 'reference/topolm_small' 'the reference maps are not here'
        fi
        published_rows $model
    done
else
    skip 'the TopoLM pair: Moran, t, maps' "$command" "$source" 'topolm-small-pytorch cannot be had here'
fi

# ---- the oracles of the sheet and of SUMA ----
# oracle_row GROUP [PATTERN]: every case passes
oracle_row() {
    passed=0 cases=0
    if [ ! -x "$bin/oracle" ] || [ ! -d "$shared/oracles/$1" ]; then
        skip "oracles/$1 ${2:-}" "tests/oracle/run SHARED/oracles/$1" 'independent implementations' 'the oracle runner or the oracles are not here (make check-oracles)'
        return
    fi
    for case in "$shared/oracles/$1"/${2:-*.h5}; do
        case $case in *inputs.h5) continue ;; esac
        cases=$((cases + 1))
        BUILD=$build tests/oracle/run "$case" >/dev/null 2>&1 && passed=$((passed + 1))
    done
    row "oracles/$1 ${2:-}: cases that pass" "tests/oracle/run SHARED/oracles/$1/CASE" "oracles/$1/README.md" "$passed" "$cases" 0
}
oracle_row moran
oracle_row readout_smoothing
oracle_row clusters
oracle_row hf 'suma_*'
