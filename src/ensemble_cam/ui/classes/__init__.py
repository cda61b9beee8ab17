"""The page of classes: a set of drawn films is made, answered blind, and looked at by the teacher.

`page` chooses between the three; `sitting` and `answering` are a student's, `making` and `handed_in` a teacher's.
"""
