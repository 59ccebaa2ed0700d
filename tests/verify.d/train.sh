# SPDX-License-Identifier: MIT
# Training followed step by step from the inputs of reference/topolm_small (sourced by tests/verify: row, skip, $build, $shared).
# The first 100 steps by default; BROCA_VERIFY_TRAIN=1200 trains both runs to their end (some minutes each) and localizes them.
training_reference=$shared/reference/topolm_small
training_command='build/verify/topolm_small SHARED/reference/topolm_small stimuli/obtained/eltec-eng'
training_source='reference/topolm_small: PyTorch 1.13, float32'
# said FILE NAME: the value of a printed line
said() { awk -v n="$2" '$1 == n { print $2 }' "$1"; }
if [ -f "$training_reference/inputs_check.json" ] &&
    { [ -f stimuli/obtained/eltec-eng/ENG19100.txt ] || pipeline/fetch eltec-eng >/dev/null 2>&1; }; then
    training_steps=${BROCA_VERIFY_TRAIN:-100}
    for run in topo_s1 control_s1; do
        [ $run = control_s1 ] && [ "$training_steps" -lt 1200 ] && continue
        "$build/verify/topolm_small" "$training_reference" stimuli/obtained/eltec-eng $run "$training_steps" "$work/$run" >"$work/$run.txt" 2>/dev/null ||
            row "$run: trains" "$training_command $run $training_steps" "$training_source" stopped finished equal
        for what in training_tokens held_out_tokens window_offsets layouts neighbourhood_draws validation_offsets; do
            row "$run, inputs: $what" "$training_command $run $training_steps" 'inputs_check.json, tokens.json' "$(said "$work/$run.txt" $what)" equal equal
        done
        row "$run, inputs: initial weights, largest relative difference" "$training_command $run $training_steps" inputs_check.json "$(said "$work/$run.txt" weights_relative_difference)" 0 1e-7
        if [ $run = topo_s1 ]; then
            row "$run: steps compared" "$training_command $run $training_steps" first_100_steps.tsv "$(said "$work/$run.txt" compared_steps)" 100 0
            row "$run, first 100 steps: largest difference of CE" "$training_command $run $training_steps" first_100_steps.tsv "$(said "$work/$run.txt" ce_difference)" 0 1e-4
            row "$run, first 100 steps: largest difference of the spatial loss" "$training_command $run $training_steps" first_100_steps.tsv "$(said "$work/$run.txt" spatial_difference)" 0 2e-5
            row "$run, first 100 steps: largest difference of the gradient norm" "$training_command $run $training_steps" first_100_steps.tsv "$(said "$work/$run.txt" norm_difference)" 0 1e-3
        fi
        if [ "$training_steps" = 100 ]; then
            row "$run, step 100: held-out CE" "$training_command $run 100" topolm_small_pytorch.tsv "$(said "$work/$run.txt" held_out_ce)" 6.18412 .001
            row "$run, step 100: held-out spatial loss" "$training_command $run 100" topolm_small_pytorch.tsv "$(said "$work/$run.txt" held_out_spatial)" .05423 .001
        fi
        [ "$training_steps" = 1200 ] || continue
        case $run in
        topo_s1) ce=4.7798 spatial=.0189 moran=.689 near=.02 ;;
        *) ce=4.8458 spatial=.497 moran=-.024 near=.03 ;;
        esac
        row "$run, step 1,200: held-out CE" "$training_command $run 1200" "$training_source" "$(said "$work/$run.txt" held_out_ce)" $ce .01
        row "$run, step 1,200: held-out spatial loss" "$training_command $run 1200" "$training_source" "$(said "$work/$run.txt" held_out_spatial)" $spatial .002
        cp "$training_reference/tokenizer.json" "$work/$run/" &&
            "$bin/broca-import" --quiet --from table "$training_reference/stimuli.tsv" --out "$work/own.h5" &&
            "$bin/broca-extract" --quiet --model "$work/$run" --stimuli "$work/own.h5" --layers h.0-3.attn,h.0-3.mlp --pool mean --special no --out "$work/own.a.h5" &&
            "$bin/broca-localize" --quiet --activations "$work/own.a.h5" --stimuli "$work/own.h5" --contrast S-N --match none --out "$work/own.l.h5" &&
            "$bin/broca-topography" --quiet --localizer "$work/own.l.h5" --activations "$work/own.a.h5" --stimuli "$work/own.h5" --out "$work/own.t.h5" || exit 1
        ours=$(column "$work/own.t.h5" table/I | awk '{ for (i = 1; i <= NF; i++) s += $i; printf "%.4f", s / NF }')
        row "$run, step 1,200: unsmoothed Moran's I of the localizer map, mean of 8 taps" "$training_command $run 1200; extract; localize; topography" 'reference/topolm_small/moran.tsv' "$ours" $moran $near
    done
else
    skip 'training followed step by step' "$training_command" "$training_source" 'reference/topolm_small or eltec-eng cannot be had here'
fi
