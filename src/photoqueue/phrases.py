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
    # boxes and their toolbar
    "{name}, score {score}": "{name}, score {score}",
    "{name}, to check": "{name}, à vérifier",
    "{name}, stays here": "{name}, reste ici",
    "{name}, not counted: {why}": "{name}, non compté : {why}",
    "not counted": "non compté",
    "{name}: what to do": "{name} : que faire",
    "Accept": "Accepter",
    "Rename": "Renommer",
    "Same as": "Le même que",
    "Apart": "À part",
    "Stays here": "Reste ici",
    "Remove": "Retirer",
    "Draw a box": "Dessiner un cadre",
    "Cancel": "Annuler",
    "Zoom in": "Agrandir",
    "Zoom out": "Réduire",
    "Whole picture": "Image entière",
    "zoom {percent} %": "zoom {percent} %",
    "{name} accepted": "{name} accepté",
    "{name} removed from {photo}": "{name} retiré de {photo}",
    "{name} stays here": "{name} reste ici",
    "{name} is a thing of its own": "{name} est un objet à part",
    "{name} is {to}": "{name} : c’est {to}",
    "{name} added": "{name} ajouté",
    "box of {name} redrawn": "cadre de {name} redessiné",
    "{name} and {other} are one thing": "{name} et {other} : un seul objet",
    "Select a box first.": "Choisissez d’abord un cadre.",
    "{name} has no box in a photo. Draw one with N.": "{name} n’a de cadre dans aucune photo. Dessinez-en un avec N.",
    "{name} is not seen in another photo.": "{name} n’est vu dans aucune autre photo.",
    "Drag over the thing; or place a box with the arrow keys, size it with Shift, and press Enter.": "Tracez un cadre sur l’objet ; ou placez-le avec les flèches, sa taille avec Maj, puis Entrée.",
    "That box is too small: drag over the whole thing.": "Ce cadre est trop petit : tracez-le sur tout l’objet.",
    # the photo
    "Photo": "Photo",
    "Photo {title}": "Photo {title}",
    "Photos of {room}": "Photos : {room}",
    "The picture is being loaded.": "L’image se charge.",
    "Waiting to be analysed.": "En attente d’analyse.",
    "Being analysed.": "Analyse en cours.",
    "Waiting to be tried again.": "En attente d’un nouvel essai.",
    "The analysis was cancelled.": "L’analyse a été annulée.",
    "Could not be analysed: {message}": "Analyse impossible : {message}",
    "Excluded: its things do not count.": "Exclue : ses objets ne comptent pas.",
    "A copy of {title}: its things count once.": "Copie de {title} : ses objets comptent une fois.",
    "Nothing was found. Draw a box around what there is (N).": "Rien n’a été trouvé. Dessinez un cadre autour de ce qu’il y a (N).",
    "No photo shows this room.": "Aucune photo ne montre cette pièce.",
    "Choose a room.": "Choisissez une pièce.",
    "Retry": "Réessayer",
    "Replace": "Remplacer",
    "Exclude": "Exclure",
    "{title} excluded": "{title} exclue",
    "Include again": "Reprendre",
    "Its things come back as soon as this is saved.": "Ses objets reviennent dès que c’est enregistré.",
    "failed": "échec",
    "waiting": "en attente",
    "excluded": "exclue",
    "1 thing": "1 objet",
    # names
    "What is it?": "Qu’est-ce que c’est ?",
    "Names": "Noms",
    "add “{text}” with a volume …": "ajouter « {text} » avec un volume …",
    "Type a name.": "Tapez un nom.",
    "Category": "Catégorie",
    "m³ of one": "m³ d’un seul",
    "Give the volume of one in m³, more than 0: 0.4 for a box of 1 × 0.8 × 0.5 m.": "Donnez le volume d’un seul en m³, supérieur à 0 : 0,4 pour une caisse de 1 × 0,8 × 0,5 m.",
    "Save": "Enregistrer",
    "Back": "Retour",
    # same as
    "Which one is {name}?": "Lequel est {name} ?",
    "{number}: {name}": "{number} : {name}",
    "{name}, the same already": "{name}, déjà le même",
    "Previous photo": "Photo précédente",
    "Next photo": "Photo suivante",
    "{photo}, {number} of {count}": "{photo}, {number} sur {count}",
    "Click it or press its number. ← → other photos, Esc back.": "Cliquez-le ou tapez son numéro. ← → autres photos, Échap retour.",
    "No other photo of {room} shows a thing.": "Aucune autre photo de {room} ne montre d’objet.",
    "Nothing to choose in this photo.": "Rien à choisir dans cette photo.",
    "One thing has one name. What is it?": "Un objet a un seul nom. Qu’est-ce que c’est ?",
    # what an edit says
    "{name} removed": "{name} retiré",
    "{room}: {count} × {name}": "{room} : {count} × {name}",
    "{n} photos excluded": "{n} photos exclues",
    "{n} photos moved to {room}": "{n} photos déplacées vers {room}",
    "{room} is now {to}": "{room} s’appelle maintenant {to}",
    "{room} reviewed. All rooms are reviewed.": "{room} : vérifié. Toutes les pièces sont vérifiées.",
    "Next: {room}.": "Suivante : {room}.",
    "undone: {words}": "annulé : {words}",
    "done again: {words}": "rétabli : {words}",
    "applied to {name}": "appliqué à {name}",
    "kept for later": "gardé pour plus tard",
    "There is nothing to undo.": "Il n’y a rien à annuler.",
    "There is nothing to redo.": "Il n’y a rien à rétablir.",
    "Nothing is left to check.": "Il ne reste rien à vérifier.",
    "Nothing is left to check in {room} (V).": "Il ne reste rien à vérifier dans {room} (V).",
    "To check:": "À vérifier :",
    # the head
    "Review": "Vérification",
    "Project": "Projet",
    "{n} of {of} photos analysed": "{n} photos analysées sur {of}",
    "1 photo analysed": "1 photo analysée",
    "{n} photos analysed": "{n} photos analysées",
    "1 failed": "1 échec",
    "{n} failed": "{n} en échec",
    "Analysis": "Analyse",
    "less than a minute left": "moins d’une minute restante",
    "about 1 minute left": "environ 1 minute restante",
    "about {n} minutes left": "environ {n} minutes restantes",
    "Undo": "Annuler",
    "Redo": "Rétablir",
    "All photos": "Toutes les photos",
    "Export": "Exporter",
    "Export …": "Exporter …",
    "Report (PDF)": "Rapport (PDF)",
    "Report (HTML)": "Rapport (HTML)",
    "Things (Excel)": "Objets (Excel)",
    "Things (CSV)": "Objets (CSV)",
    "Language": "Langue",
    "things": "objets",
    "{n} things": "{n} objets",
    "How things in several photos are counted": "Comment compter les objets vus sur plusieurs photos",
    "{low} to {high} in 8 of 10 moves": "{low} à {high} dans 8 déménagements sur 10",
    "by volume": "selon le volume",
    "at most: {lorry}": "au plus : {lorry}",
    "1 to check": "1 à vérifier",
    "{n} to check": "{n} à vérifier",
    "{done} of {of} done": "{done} sur {of} faits",
    "Nothing left to check": "Rien à vérifier",
    "All rooms reviewed ✓": "Toutes les pièces vérifiées ✓",
    "1 room is not reviewed yet": "1 pièce n’est pas encore vérifiée",
    "{n} rooms are not reviewed yet": "{n} pièces ne sont pas encore vérifiées",
    "The move is put right.": "Le déménagement est au point.",
    "Checked": "Vérifié",
    "Dismiss": "Fermer",
    "No worker is running: 1 photo waits and is safe.": "Aucun worker ne tourne : 1 photo attend, elle est en sûreté.",
    "No worker is running: {n} photos wait and are safe.": "Aucun worker ne tourne : {n} photos attendent, elles sont en sûreté.",
    "Start a worker": "Démarrer un worker",
    "Written:": "Écrit :",
    "1 edit no longer fits what the photos show now": "1 modification ne correspond plus à ce que montrent les photos",
    "{n} edits no longer fit what the photos show now": "{n} modifications ne correspondent plus à ce que montrent les photos",
    "Apply to {name}": "Appliquer à {name}",
    "Select its box first": "Choisissez d’abord son cadre",
    "Keep for later": "Garder pour plus tard",
    "It applies again when its thing is found again.": "Elle s’appliquera quand son objet sera retrouvé.",
    "The notebook's kernel cannot be reached.": "Le noyau du notebook est injoignable.",
    "The kernel is busy with a cell: they are saved when it ends.": "Le noyau exécute une cellule : elles seront enregistrées à la fin.",
    "1 edit not saved yet.": "1 modification pas encore enregistrée.",
    "{n} edits not saved yet.": "{n} modifications pas encore enregistrées.",
    # rooms and things
    "Room": "Pièce",
    "✓ reviewed": "✓ vérifié",
    "✓ reviewed by {user}": "✓ vérifié par {user}",
    "{n} left": "reste {n}",
    "Add a room": "Ajouter une pièce",
    "Room reviewed": "Pièce vérifiée",
    "Name of the room": "Nom de la pièce",
    "Both rooms become one.": "Les deux pièces n’en font plus qu’une.",
    "Give the room a name first.": "Donnez d’abord un nom à la pièce.",
    "and a first thing in it:": "et un premier objet :",
    "Things": "Objets",
    "Things in {room}": "Objets : {room}",
    "1 photo waits to be analysed: its things come here.": "1 photo attend d’être analysée : ses objets apparaîtront ici.",
    "{n} photos wait to be analysed: their things come here.": "{n} photos attendent d’être analysées : leurs objets apparaîtront ici.",
    "Nothing was found here.": "Rien n’a été trouvé ici.",
    "Nothing was found here. Draw a box in the photo (N), or add a thing that no photo shows.": "Rien n’a été trouvé ici. Dessinez un cadre sur la photo (N), ou ajoutez un objet qu’aucune photo ne montre.",
    "to check: {why}": "à vérifier : {why}",
    "checked": "vérifié",
    "{low} to {high} each": "{low} à {high} chacun",
    "Set by hand how many there are": "Indiquer combien il y en a",
    "set by {user}": "indiqué par {user}",
    "photos show {n}": "les photos en montrent {n}",
    "1 stays here": "1 reste ici",
    "{n} stay here": "{n} restent ici",
    "no photo shows it": "aucune photo ne le montre",
    "It is there": "Il est bien là",
    "How many": "Combien",
    "How many: {name}": "Combien : {name}",
    "Taken apart": "Démonté",
    "as it is: {now}": "comme prévu : {now}",
    "no": "non",
    "Take off the list": "Retirer de la liste",
    "As photos show": "Comme sur les photos",
    "How many there are is a whole number, 0 or more.": "Le nombre est un entier, 0 ou plus.",
    "The volume of one is in m³, more than 0.": "Le volume d’un seul est en m³, supérieur à 0.",
    "Add a thing that no photo shows": "Ajouter un objet qu’aucune photo ne montre",
    "Photo {title}:": "Photo {title} :",
    "Its things do not count then.": "Ses objets ne comptent alors pas.",
    "Move to a room": "Déplacer vers une pièce",
    "Move to …": "Déplacer vers …",
    "a new room: {name}": "une nouvelle pièce : {name}",
    # all photos
    "1 photo": "1 photo",
    "{n} photos": "{n} photos",
    "1 room": "1 pièce",
    "{n} rooms": "{n} pièces",
    "by room": "par pièce",
    "lowest score first": "score le plus bas d’abord",
    "by name": "par nom",
    "all": "toutes",
    "with something to check": "à vérifier",
    "nothing found": "rien trouvé",
    "not reviewed": "pas encore vérifiées",
    "being analysed": "analyse en cours",
    "Show": "Montrer",
    "Sort": "Trier",
    "Back to the room": "Retour à la pièce",
    "Photos": "Photos",
    "Select all": "Tout choisir",
    "Select {title}": "Choisir {title}",
    "1 photo selected": "1 photo choisie",
    "{n} photos selected": "{n} photos choisies",
    "Retry {n}": "Réessayer {n}",
    "lowest score {score}": "score le plus bas {score}",
    "It failed without a message.": "Échec sans message.",
    "No photo is like that.": "Aucune photo de ce genre.",
    "{name} is being sent.": "Envoi de {name}.",
    "{name} has {size}; from here at most {most} can be sent. In Python: review(project).replace(photo, path).": "{name} fait {size} ; d’ici, {most} au plus peuvent être envoyés. En Python : review(projet).replace(photo, chemin).",
    # keys
    "All keys": "Toutes les touches",
    "all keys": "toutes les touches",
    "Close": "Fermer",
    "next to check": "suivant à vérifier",
    "previous to check": "précédent à vérifier",
    "accept": "accepter",
    "rename": "renommer",
    "remove": "retirer",
    "draw a box": "dessiner un cadre",
    "same as": "le même que",
    "apart": "à part",
    "previous photo": "photo précédente",
    "next photo": "photo suivante",
    "previous room": "pièce précédente",
    "next room": "pièce suivante",
    "room reviewed": "pièce vérifiée",
    "undo": "annuler",
    "redo": "rétablir",
    "zoom": "zoom",
    "zoom in": "agrandir",
    "zoom out": "réduire",
    "whole picture": "image entière",
    "from a thing to its box": "d’un objet à son cadre",
    "from a box to the list": "d’un cadre à la liste",
    "back": "retour",
    "to the next box": "au cadre suivant",
    "next thing": "objet suivant",
    "previous thing": "objet précédent",
    "move the photo to a room": "déplacer la photo vers une pièce",
    "makes the selected box larger or smaller": "agrandit ou réduit le cadre choisi",
    "moves the selected box": "déplace le cadre choisi",
    # nothing there yet
    "Reading …": "Lecture …",
    "Choose a project": "Choisissez un projet",
    "No project yet.": "Aucun projet pour l’instant.",
    "There are no photos in {project} yet.": "Il n’y a pas encore de photos dans {project}.",
    "Choose a folder of photos, one folder a room, name the project and submit it; or try a sample home. Its rooms and things come here.": "Choisissez un dossier de photos, un sous-dossier par pièce, nommez le projet et soumettez-le ; ou essayez un logement d’exemple. Ses pièces et objets apparaîtront ici.",
    "Once photos are submitted for a project, its rooms and things come here.": "Dès que des photos sont soumises pour un projet, ses pièces et objets apparaissent ici.",
}
