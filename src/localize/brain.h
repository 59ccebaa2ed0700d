/* SPDX-License-Identifier: MIT */
/* What maps of brains share (private to the room). */
#ifndef LOCALIZE_BRAIN_H
#define LOCALIZE_BRAIN_H

#include "broca/glm.h"

int brain_map_room(brain_map *m, size_t v, arena *memory, err *e);
/* p, log_p, q and the selection from t and dof. */
int brain_map_finish(brain_map *m, size_t v, const char *select, err *e);
int brain_map_put(store *s, const brain_map *m, size_t v, err *e);
/* Which neuroids the maps are of: /neuroid/{subject,roi,index,x,y,z}, /space. */
int brain_neuroids_put(store *s, const responses *r, err *e);
int brain_column_f8(store *s, const char *group, const char *name, const double *values, size_t n, err *e);
int brain_column_i4(store *s, const char *group, const char *name, const int32_t *values, size_t n, err *e);
int brain_column_text(store *s, const char *group, const char *name, char *const *values, size_t n, err *e);

#endif
