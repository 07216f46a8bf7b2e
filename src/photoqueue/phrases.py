"""What the review of a move says, in English and French.

Texts are written once, in English, where they are said; French ones are found by them.
"""

from __future__ import annotations

from typing import Any, Final


def phrase(language: str, text: str, /, **values: Any) -> str:
    """Return a text in a language, with the values put in.

    Parameters
    ----------
    language
        ``en`` or ``fr``.
    text
        English, with ``{name}`` for each of the values; fractions are written with two digits.

    Examples
    --------
    >>> phrase("fr", "{room} reviewed", room="salon")
    'salon : vérifié'
    >>> phrase("fr", "seen with little certainty ({score})", score=0.3)
    'vu avec peu de certitude (0,30)'
    """
    french = language == "fr"
    for name, value in values.items():
        if isinstance(value, float):
            values[name] = f"{value:.2f}".replace(".", "," if french else ".")
    return (FRENCH.get(text, text) if french else text).format(**values)


FRENCH: Final = {
    # edits
    "{what} is {name}": "{what} : c’est {name}",
    "{what} removed": "{what} retiré",
    "{name} added in {photo}": "{name} ajouté dans {photo}",
    "{what} redrawn": "{what} redessiné",
    "{what} are one thing": "{what} : un seul objet",
    "{what} is a thing of its own": "{what} : un objet à part",
    "{what} stays here": "{what} reste ici",
    "{what} accepted": "{what} accepté",
    "{count} × {name} in {room}": "{count} × {name} dans {room}",
    "{photo} excluded": "{photo} exclue",
    "{photo} replaced by {other}": "{photo} remplacée par {other}",
    "{photo} moved to {room}": "{photo} déplacée vers {room}",
    "{room} is {to}": "{room} : c’est {to}",
    "{room} reviewed": "{room} : vérifié",
    "{gap}: acknowledged": "{gap} : confirmé",
    "no photo of {place}": "aucune photo : {place}",
    "only one photo of {place}": "une seule photo : {place}",
    "nothing found in {place}": "rien trouvé : {place}",
    "edit {of} kept": "modification {of} gardée",
    "edit {of} undone": "modification {of} annulée",
    "edit {of} done again": "modification {of} rétablie",
    "cancelled": "annulée",
    # what cannot be done on the page
    "Choose a project first.": "Choisissez d’abord un projet.",
    "No picture came with that. Choose the file again.": (
        "Aucune image n’est arrivée. Choisissez le fichier à nouveau."
    ),
    "A retry cannot help here. Replace the photo, or exclude it.": (
        "Un nouvel essai ne servirait à rien. Remplacez la photo, ou excluez-la."
    ),
    # the head
    "Not added up yet.": "Pas encore additionné.",
    "Waiting for a worker …": "En attente d’un worker …",
    "Adding up …": "Addition en cours …",
    "Adding up failed; it will be retried soon …": (
        "L’addition a échoué ; nouvel essai sous peu …"
    ),
    "Added up": "Additionné",
    "Adding up failed.": "L’addition a échoué.",
    "Adding up was cancelled.": "L’addition a été annulée.",
    "Waiting until the photos of its batch are analysed …": (
        "En attente : les photos de son lot sont encore analysées …"
    ),
    "Waiting: no live worker takes inventory jobs. Start a worker.": (
        "En attente : aucun worker ne prend d’inventaires. Démarrez un worker."
    ),
    "max: the most seen in one photo": "max : le plus vu sur une photo",
    "sum: all photos added up": "sum : toutes les photos additionnées",
    "match: things recognised across photos": "match : objets reconnus d’une photo à l’autre",
    "llm: listed by a vision model": "llm : liste d’un modèle de vision",
    "for trying out: the built-in model knows rendered rooms, not real ones": (
        "pour essayer : le modèle intégré connaît des pièces dessinées, pas de vraies"
    ),
    "{room}: counted in single photos, as no model has listed it": (
        "{room} : compté photo par photo, aucun modèle n’en a fait la liste"
    ),
    "in {count} of {of} moves": "dans {count} déménagements sur {of}",
    "The engine misses more than it invents: expect more than listed.": (
        "Le modèle oublie plus qu’il n’invente : comptez plus que la liste."
    ),
    "The engine invents more than it misses: expect less than listed.": (
        "Le modèle invente plus qu’il n’oublie : comptez moins que la liste."
    ),
    " and ": " et ",
    " or ": " ou ",
    # tables, files and cards
    "Estimate of {project}, not a quote": "Estimation de {project}, ne vaut pas devis",
    "Working": "Calcul",
    "figure": "poste",
    "range": "fourchette",
    "how": "calcul",
    "price": "prix",
    "net": "hors taxe",
    "VAT": "TVA",
    "{low} to {high} at the ends of the volume": "{low} à {high} aux extrêmes du volume",
    "key": "clé",
    "name": "nom",
    "category": "catégorie",
    "weight": "poids",
    "persons": "personnes",
    "cartons to pack": "cartons à remplir",
    "vehicle": "véhicule",
    "hours": "heures",
    "engine": "moteur",
    "yes": "oui",
    "room": "pièce",
    "kind of room": "type de pièce",
    "thing": "objet",
    "count": "nombre",
    "lowest m³": "minimum m³",
    "highest m³": "maximum m³",
    "taken apart": "démonté",
    "weight kg": "poids kg",
    "look at": "à voir",
    "Lines": "Lignes",
    "Rooms": "Pièces",
    "from": "de",
    "to": "à",
    "furniture": "mobilier",
    "appliance": "électroménager",
    "electronics": "électronique",
    "box": "carton",
    "misc": "divers",
    "Wrote {file}, final.": "{file} est écrit : définitif.",
    "Wrote {file}, a draft.": "{file} est écrit : provisoire.",
    "Draft: {why}.": "Provisoire : {why}.",
    "Gaps: {gaps}. Say that one is none with:": (
        "Lacunes : {gaps}. Confirmez qu’une n’en est pas une :"
    ),
    # why an edit is not placed
    "no photo that has a result is in {room}": "aucune photo analysée n’est dans {room}",
    "photo {photo} is no longer in the project, or has no result": (
        "la photo {photo} n’est plus dans le projet, ou n’est pas analysée"
    ),
    "photo {photo} came with edit {number}, which was undone": (
        "la photo {photo} est venue avec la modification {number}, qui a été annulée"
    ),
    "the {name} is not found again in photo {photo}": (
        "{name} : introuvable à présent dans la photo {photo}"
    ),
    "the {name} in photo {photo} was removed": "{name} : retiré de la photo {photo}",
    "the {name} is no longer added in photo {photo}": (
        "{name} : n’est plus ajouté dans la photo {photo}"
    ),
    "another thing lies where the {name} was removed": (
        "un autre objet est là où {name} a été retiré"
    ),
    "{words} holds since the rooms were merged": (
        "« {words} » vaut depuis que les pièces sont réunies"
    ),
    "the items are in {rooms}": "les objets sont dans {rooms}",
    # why a line is to check
    "{count} of {of}: {reason}": "{count} sur {of} : {reason}",
    "{held} not counted: {reason}": "{held} non compté : {reason}",
    "stays here": "reste ici",
    "not in the catalogue": "pas dans le catalogue",
    "taken for {names} in another photo": "pris pour {names} sur une autre photo",
    "may be {names}": "peut-être {names}",
    "seen with little certainty ({score})": "vu avec peu de certitude ({score})",
    "seen in one of {views} photos only and with little certainty ({score})": (
        "vu sur une seule des {views} photos et avec peu de certitude ({score})"
    ),
    "{boxes} boxes taken for one thing": "{boxes} cadres pris pour un seul objet",
    "seen only in all photos together": "vu seulement sur toutes les photos ensemble",
    "{number} in all photos together, {most} in the one that shows most": (
        "{number} sur toutes les photos ensemble, {most} sur celle qui en montre le plus"
    ),
    "{most} in the photo that shows most, {number} over all": (
        "{most} sur la photo qui en montre le plus, {number} en tout"
    ),
    "{most} in one photo, {others} at most in the others": (
        "{most} sur une photo, {others} au plus sur les autres"
    ),
    "more than one photo shows, with little certainty": (
        "plus qu’une photo n’en montre, avec peu de certitude"
    ),
    "a desk is likely in an office without a table": (
        "un bureau est probable dans une pièce de travail sans table"
    ),
    "in single photos, but not in the list of all photos together": (
        "sur des photos seules, mais pas dans la liste de toutes les photos ensemble"
    ),
    "corrected by {user}; the photos show {seen}": (
        "corrigé par {user} ; les photos en montrent {seen}"
    ),
    "corrected by {user}; the photos show {seen}, and showed {then} then": (
        "corrigé par {user} ; les photos en montrent {seen}, et en montraient {then} alors"
    ),
}
