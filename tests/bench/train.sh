# SPDX-License-Identifier: MIT
# Rows of training (sourced by tests/bench/run): a step of GPT-2 124M, 4 windows of 256 tokens, beside PyTorch from the same
# weights and tokens. "best": OMP_WAIT_POLICY=passive and, where it is installed, the OpenMP build of OpenBLAS. bf16 rows count
# against PyTorch in fp32; PyTorch's own bf16 (autocast) is shown beside.

train_rows() { echo E Es Eb Ebs; }
train_peak() { $BUILD/bench/ridge peak "$work" "$threads"; }
train_ours() { $BUILD/bench/train "$1" "$work/train" "$threads"; }

train_openmp=$(find /usr/lib -type d -name openblas-openmp 2>/dev/null | head -1)

train_peer() {
    case $2 in
    torch) timeout 900 "$python" tests/bench/peer_train.py "$1" "$work/train" "$2" ;;
    *) OMP_WAIT_POLICY=passive LD_LIBRARY_PATH=$train_openmp timeout 900 "$python" tests/bench/peer_train.py "$1" "$work/train" "$2" ;;
    esac
}

# largest difference of the loss over the steps
train_agreement() {
    for t_i in 0 1 2 3 4 5; do
        echo "$(field "$work/one" "ce$t_i") $(field "$work/two" "ce$t_i") $(field "$work/one" "spatial$t_i") $(field "$work/two" "spatial$t_i")"
    done | awk '{ d = $1 - $2; if (d < 0) d = -d; if (d > m) m = d; s = $3 - $4; if (s < 0) s = -s; if ($3 != "nan" && s > q) q = s }
        END { printf "6 steps: CE within %.1e, spatial loss within %.1e", m, q }'
}

train_row() {
    case $1 in
    E) t_shape='GPT-2 124M, 4 x 256 tokens, f32' ;;
    Es) t_shape='GPT-2 124M, 4 x 256 tokens, f32, spatial loss' ;;
    Eb) t_shape='GPT-2 124M, 4 x 256 tokens, bf16' ;;
    Ebs) t_shape='GPT-2 124M, 4 x 256 tokens, bf16, spatial loss' ;;
    esac
    if ! "$python" -c 'import torch' 2>/dev/null; then
        skip "$1" torch 'not at hand (python3-torch)'
        return
    fi
    if ! train_ours "$1" >"$work/one" 2>"$work/trouble"; then # also makes the data
        skip "$1" torch "$(head -1 "$work/trouble")"
        return
    fi
    case $1 in
    *b*) t_goal=2.7 t_peers='torch torch-best torch-bf16' peak=$(echo "$peak" | awk '{ print 2 * $1 }') ;;
    *) t_goal=1.6 t_peers='torch torch-best' ;;
    esac
    for t_peer in ${BENCH_PEERS:-$t_peers}; do
        beside "$1" "$t_peer" "${BENCH_PAIRS:-2}" "$t_goal" "$(field "$work/one" gflop)" "$t_shape"
    done
    case $1 in *b*) peak=$(echo "$peak" | awk '{ print $1 / 2 }') ;; esac
}
