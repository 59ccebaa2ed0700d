# SPDX-License-Identifier: MIT
# What replicate modes are made of, against the packages that papers used.
for case in numpy_legacy_rng metrics_splits metrics_predictivity_n_gt_p metrics_predictivity_p_gt_n metrics_predictivity_bsl_test \
    metrics_aggregation tuckute2024_n_gt_p tuckute2024_p_gt_n hadidi2025_oasm hadidi2025_scores hadidi2025_leakage ceiling_extrapolation \
    ceiling_holdout rsa_cka; do
    command="tests/oracle/run SHARED/oracles/benchmarks/$case.h5"
    if [ -x "$bin/oracle" ] && [ -f "$shared/oracles/benchmarks/$case.h5" ]; then
        line=$(BUILD=$build tests/oracle/run "$shared/oracles/benchmarks/$case.h5")
        row "replicate modes: $case" "$command" 'NumPy 1.24.2, SciPy 1.10.1, scikit-learn 1.2.1, brainscore_language' "$(echo "$line" | cut -c1-4 | tr -d ' ')" ok equal
    else
        skip "replicate modes: $case" "$command" 'scikit-learn' 'the oracle runner or the oracles are not here (make check-oracles)'
    fi
done
