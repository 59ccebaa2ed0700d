#!/bin/sh
# SPDX-License-Identifier: MIT
#
# Each public header compiles alone and twice, as C11 and as C++ (which also finds a name that is a C++ keyword and a
# missing extern "C").

. "$(dirname "$0")/scaffold"
export LC_ALL=C
CC=${CC:-gcc} CXX=${CXX:-g++}

alone() { # FILE COMMAND...
    file=$1
    shift
    "$@" -Wall -Wextra -Werror -I"$project/include" -fsyntax-only "$file"
}
not_alone() { ! alone "$@"; }

cxx=yes
command -v "$CXX" >/dev/null 2>&1 || cxx=
for header in "$project"/include/broca/*.h; do
    room=$(basename "$header" .h)
    for end in c cc; do
        printf '#include "broca/%s.h"\n#include "broca/%s.h"\nextern int nothing;\n' "$room" "$room" >"$work/$room.$end"
    done
    check_that "${room}_compiles_alone_as_c11" alone "$work/$room.c" "$CC" -std=c11 -pedantic
    if [ $cxx ]; then check_that "${room}_compiles_alone_as_cxx" alone "$work/$room.cc" "$CXX" -std=c++17
    else skip "${room}_compiles_alone_as_cxx" "no C++ compiler ($CXX)"; fi
    check_that "${room}_says_extern_C" grep -q 'extern "C"' "$header"
done

printf 'size_t nothing(void);\n' >"$work/planted.h"
printf '#include "planted.h"\n' >"$work/planted.c"
# the check itself is seen to fail
check_that a_header_that_needs_another_is_found not_alone "$work/planted.c" "$CC" -std=c11
if [ $cxx ]; then
    printf '#include <stddef.h>\nint nothing(int class);\n' >"$work/planted.h"
    cp "$work/planted.c" "$work/planted.cc"
    check_that a_header_that_is_no_cxx_is_found not_alone "$work/planted.cc" "$CXX" -std=c++17
fi

finish
