# SPDX-License-Identifier: MIT
# Rows of the encoding engine (sourced by tests/bench/run): nested ridge beside himalaya (HIMALAYA names a checkout) and
# scikit-learn, same features, responses and folds. "best" peers: OMP_WAIT_POLICY=passive, targets in batches of 1,000 and, where
# it is installed, the OpenMP build of OpenBLAS, so that one pool of threads serves all.

ridge_rows() { echo A Ar B C; }
ridge_peak() { $BUILD/bench/ridge peak "$work" "$threads"; }
ridge_ours() { $BUILD/bench/ridge "$1" "$work/$1" "$threads"; }
ridge_agreement() { $BUILD/bench/ridge agree "$work/$1" "$2"; }

ridge_shape() {
    case $1 in
    A) echo 'n 384, p 768, v 12155, 20 alphas, R2' ;;
    Ar) echo 'n 384, p 768, v 12155, 20 alphas, r' ;;
    B) echo 'n 2500, p 3072, v 10000, 10 alphas, mse' ;;
    C) echo 'banded 3 x 512, n 1250, v 10000, 20 gammas x 10 alphas' ;;
    esac
}
# products of the algorithm, GFLOP (tests/bench/ridge.c)
ridge_work() { case $1 in A) echo 91 ;; Ar) echo 103 ;; B) echo 3300 ;; C) echo 3250 ;; esac; }
ridge_goal() {
    case $1-$2 in
    A-*best | Ar-*best) echo 5.5 ;;
    A-* | Ar-*) echo 9 ;;
    B-*best) echo 3.5 ;;
    B-*) echo 7 ;;
    C-*best) echo 4 ;;
    C-*) echo 6.5 ;;
    esac
}

ridge_openmp=$(find /usr/lib -type d -name openblas-openmp 2>/dev/null | head -1)

ridge_peer() {
    case $2 in
    *-best) OMP_WAIT_POLICY=passive LD_LIBRARY_PATH=$ridge_openmp timeout 900 "$python" tests/bench/peer.py "$1" "$work/$1" "$2" ;;
    *) timeout 900 "$python" tests/bench/peer.py "$1" "$work/$1" "$2" ;;
    esac
}

ridge_has() {
    case $1 in
    sklearn) "$python" -c 'import sklearn' 2>/dev/null ;;
    himalaya-torch*) [ -n "${HIMALAYA:-}" ] && PYTHONPATH=$HIMALAYA "$python" -c 'import himalaya, torch' 2>/dev/null ;;
    *) PYTHONPATH=${HIMALAYA:-/nonexistent} "$python" -c 'import himalaya' 2>/dev/null ;;
    esac
}

ridge_row() {
    r_pairs=${BENCH_PAIRS:-3}
    case $1 in B | C) r_pairs=${BENCH_PAIRS:-1} ;; esac
    ridge_ours "$1" >/dev/null || exit 1 # makes the data, warms the files
    r_peers='himalaya-numpy himalaya-numpy-best himalaya-torch himalaya-torch-best'
    case $1 in A) r_peers="$r_peers sklearn" ;; esac
    for r_peer in ${BENCH_PEERS:-$r_peers}; do
        if ridge_has "$r_peer"; then
            beside "$1" "$r_peer" "$r_pairs" "$(ridge_goal "$1" "$r_peer")" "$(ridge_work "$1")" "$(ridge_shape "$1")"
        else
            skip "$1" "$r_peer" 'not at hand (himalaya: HIMALAYA=CHECKOUT; python3-sklearn, python3-torch)'
        fi
    done
    echo "    rescored: $(field "$work/one" rescored) of the responses, $(field "$work/one" pairs) of the scores; memory as planned: $(field "$work/one" planned_mb) MB, measured $(field "$work/one" mb) MB"
}
