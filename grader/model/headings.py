"""How learners say that an exercise begins, as patterns for lines of text and comments; to be matched in any case."""

from __future__ import annotations

EXERCISE_WORD = (
    r"(?:ex|exc|exer|exercise|exercice|exerci[tțţ]iul?|exerc[ií]cio|exercici|ejercicio|esercizio"
    r"|[uü]bung|aufgabe|opgave|oefening|uppgift|[oö]vning|zadanie|[cć]wiczenie|feladat"
    r"|задание|задача|упражнение|task|tarea|tarefa|problema?|question|q)"
)
NUMBERED_EXERCISE = rf"{EXERCISE_WORD}(?![^\W\d_])\.?\s*[.:#№-]?\s*(?:n[or]\.?\s*)?(\d{{1,2}})\b"
"""Its group is the number."""
