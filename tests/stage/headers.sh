#!/bin/sh
# SPDX-License-Identifier: MIT
#
# Each public header compiles alone and twice, as C11 and as C++ (which also finds a name that is a C++ keyword and a
# missing extern "C").

set -u
export LC_ALL=C
project=$(cd "$(dirname "$0")/../.." && pwd) || exit 1
work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT
passed=0 failed=0 skipped=0
CC=${CC:-gcc} CXX=${CXX:-g++}

# compiles NAME FILE COMMAND...
compiles() {
    name=$1 file=$2
    shift 2
    if "$@" -Wall -Wextra -Werror -I"$project/include" -fsyntax-only "$file" >"$work/out" 2>&1; then
        passed=$((passed + 1))
        echo "ok $name"
        return 0
    fi
    cat "$work/out"
    failed=$((failed + 1))
    echo "not ok $name"
}

refused() { # NAME FILE COMMAND...: the check itself is seen to fail
    name=$1 file=$2
    shift 2
    if "$@" -Wall -Wextra -Werror -I"$project/include" -fsyntax-only "$file" >/dev/null 2>&1; then
        failed=$((failed + 1))
        echo "not ok $name"
    else
        passed=$((passed + 1))
        echo "ok $name"
    fi
}

cxx=yes
command -v "$CXX" >/dev/null 2>&1 || cxx=
for header in "$project"/include/broca/*.h; do
    room=$(basename "$header" .h)
    for end in c cc; do
        printf '#include "broca/%s.h"\n#include "broca/%s.h"\nextern int nothing;\n' "$room" "$room" >"$work/$room.$end"
    done
    compiles "${room}_compiles_alone_as_c11" "$work/$room.c" "$CC" -std=c11 -pedantic
    if [ $cxx ]; then compiles "${room}_compiles_alone_as_cxx" "$work/$room.cc" "$CXX" -std=c++17
    else
        skipped=$((skipped + 1))
        echo "skip ${room}_compiles_alone_as_cxx no C++ compiler ($CXX)"
    fi
    if grep -q 'extern "C"' "$header"; then passed=$((passed + 1)) && echo "ok ${room}_says_extern_C"
    else failed=$((failed + 1)) && echo "not ok ${room}_says_extern_C"; fi
done

printf 'size_t nothing(void);\n' >"$work/planted.h"
printf '#include "planted.h"\n' >"$work/planted.c"
refused a_header_that_needs_another_is_found "$work/planted.c" "$CC" -std=c11
if [ $cxx ]; then
    printf '#include <stddef.h>\nint nothing(int class);\n' >"$work/planted.h"
    cp "$work/planted.c" "$work/planted.cc"
    refused a_header_that_is_no_cxx_is_found "$work/planted.cc" "$CXX" -std=c++17
fi

echo "$passed passed, $failed failed, $skipped skipped"
[ $failed -eq 0 ]
