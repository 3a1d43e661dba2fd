"""What is tried on convcli: hostile files, folders, streams, names, signals and texts.

`cases.md` lists every case with the tests that try it. `running` runs convcli and checks what must hold
whatever happens; the test modules are named as the sections of the list.
"""
