/* Undefines what correlate_rows.inc.h needs, for the next working type. */
#undef T
#undef WRAPPING
#undef TAP
#undef TAP_OF
#undef IS_INTEGER
#undef NAME
#undef LANES
#undef BROADCAST
#undef UNROLLED
