"""Files of any fact: what their columns are called, and how their rows become facts, from the fact's own row.

A new fact has an import without code. What is written here is only what the row can't say: labels, headings in six
languages, the words that platforms use for our values, and what stands in for a column that exports leave out.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from types import MappingProxyType

import pyarrow as pa

from topline.connectors import places
from topline.connectors.reading import quoted
from topline.connectors.target import Field, Target, Type, field
from topline.facts.table import RATE, Table
from topline.units.text import N_

MOST_CHOICES = 500
"""Different values of a column of choices that are looked at."""

_OWN = ("key", "version", "recorded_at", "batch_id", "on", "hour")

LABELS: Mapping[str, str] = {
    "web_event": N_("Web events"),
    "message_event": N_("Messages and what became of them"),
    "content_interaction": N_("Interactions with content"),
    "social_post": N_("Posts on social networks"),
    "followers": N_("Followers by day"),
    "brand_signal": N_("Mentions, branded searches, awareness"),
    "survey_response": N_("Survey answers"),
    "market_estimate": N_("Estimates of the market"),
    "external_series": N_("Numbers from outside"),
    "lead_event": N_("Leads and what became of them"),
    "deal_stage": N_("Deals and their stages"),
    "deal_credit": N_("Shares in deals"),
    "activity": N_("Calls, meetings and tasks"),
    "fulfilment": N_("Shipments"),
    "fulfilment_cost": N_("Cost of fulfilment"),
    "stock_level": N_("Stock list"),
    "stock_count": N_("Stock counts"),
    "support_conversation": N_("Support conversations"),
    "capacity": N_("Hours of teams"),
}

_NAMED: Mapping[str, tuple[str, str]] = {
    "key": (N_("Row's own id"), "id|event id|row id|key|uuid|record id"),
    "event": (
        N_("Event"),
        "event|event name|event type|action|metric|activity type|type|eveniment|evento|ereignis|evenement|aktion|accion",
    ),
    "kind": (N_("Kind"), "kind|type|activity type|cost type|interaction|tip|tipo|art|typ|genre|sorte"),
    "page": (N_("Page"), "page|url|page location|page path|path|page url|pagina|seite|adresse|page address"),
    "value_shop": (
        N_("Value"),
        "value|amount|revenue|event value|deal value|lead value|deal amount|valoare|valor|wert|betrag|valeur|montant|importe",
    ),
    "amount_shop": (
        N_("Amount"),
        "amount|cost|total cost|value|market size|sales|suma|cost total|valor|custo|betrag|kosten|montant|cout|importe|coste",
    ),
    "message_key": (
        N_("Message"),
        "message id|message key|message|email id|id mesaj|id mensagem|nachricht id|id message",
    ),
    "send_key": (
        N_("Mailing"),
        "send id|send key|mailing|mailing id|flow|campaign id|newsletter|broadcast|send|trimitere|envio|versand|envoi",
    ),
    "medium": (N_("Medium"), "medium|message channel|message type|message medium|mediu|meio|kanal|canal"),
    "form": (N_("Form"), "form|form id|form name|lead form|formular|formulario|formulaire|modulo"),
    "link": (N_("Link"), "link|clicked link|clicked url|link url|url|legatura|verknupfung|lien|enlace"),
    "is_machine": (N_("By a machine"), "is machine|machine open|bot click|apple privacy open|mpp|automated"),
    "content_key": (
        N_("Content"),
        "content id|content key|content|article id|post id|video id|continut|conteudo|inhalt|contenu|contenido",
    ),
    "is_engaged": (N_("Engaged"), "is engaged|engaged|engagement|implicat|engajado|engagiert|engage|interesado"),
    "stage": (
        N_("Stage"),
        "stage|deal stage|pipeline stage|funnel stage|stage name|etapa|etapa vanzarii|estagio|fase|phase|stufe|etape",
    ),
    "front": (N_("Front"), "front|pillar|theme|topic|tema|thema|theme editorial"),
    "post_key": (
        N_("Post"),
        "post id|post key|post|permalink|id postare|postare|id do post|beitrag|publication|publicacion|id de la publicacion",
    ),
    "reach": (N_("Reach"), "reach|people reached|accounts reached|impact|alcance|reichweite|portee|acoperire"),
    "likes": (N_("Likes"), "likes|reactions|like|aprecieri|curtidas|gefallt mir|j aime|me gusta|reacciones"),
    "comments": (N_("Comments"), "comments|replies|comentarii|comentarios|kommentare|commentaires"),
    "shares": (N_("Shares"), "shares|reposts|retweets|distribuiri|compartilhamentos|geteilt|partages|compartidos"),
    "saves": (N_("Saves"), "saves|saved|bookmarks|salvari|salvamentos|gespeichert|enregistrements|guardados"),
    "people": (
        N_("People who interacted"),
        "people|people engaged|engaged users|persoane|pessoas|personen|personnes|personas",
    ),
    "count": (
        N_("Count"),
        "count|followers|total followers|number|mentions|searches|urmaritori|numar|seguidores|anzahl|abonnes|nombre|numero|cantidad",
    ),
    "survey": (
        N_("Survey"),
        "survey|survey name|survey type|metric|form|sondaj|chestionar|pesquisa|umfrage|enquete|sondage|encuesta",
    ),
    "score": (
        N_("Score"),
        "score|rating|answer|nps score|csat score|scor|nota|punctaj|bewertung|punkte|note|puntuacion|calificacion",
    ),
    "scale": (N_("Highest score"), "scale|max score|out of|maximum|scala|escala|skala|echelle"),
    "is_asked": (N_("Asked"), "is asked|solicited|asked|invited"),
    "answered_on": (
        N_("Answered on"),
        "answered on|answered at|responded at|response date|completed at|raspuns la|respondido em|beantwortet am|repondu le|respondido el",
    ),
    "until_on": (
        N_("Last day"),
        "until|to|end|end date|period end|valid to|last day|pana la|ate|data final|bis|ende|fin|date de fin|hasta|fecha fin",
    ),
    "source": (N_("Source"), "source|publisher|provider|according to|sursa|fonte|quelle|origine|fuente"),
    "confidence": (
        N_("Confidence"),
        "confidence|certainty|reliability|incredere|confianca|vertrauen|confiance|confianza",
    ),
    "series": (
        N_("Series"),
        "series|series name|indicator|index|metric|keyword|serie|indicator name|zeitreihe|indice|indicador",
    ),
    "value": (N_("Value"), "value|index value|observation|obs value|valoare|valor|wert|valeur|interest"),
    "low": (N_("Lower bound"), "low|lower|min|minimum|minim|minimo|untergrenze|minimal"),
    "high": (N_("Upper bound"), "high|upper|max|maximum|maxim|maximo|obergrenze|maximal"),
    "lead_key": (
        N_("Lead"),
        "lead id|lead|lead key|prospect id|prospect|contact id|id lead|id do lead|interessent|lead nr|id prospect|id del lead",
    ),
    "owner": (
        N_("Owner"),
        "owner|sales rep|rep|deal owner|lead owner|assignee|assigned to|agent|responsabil|agent vanzari|responsavel|vendedor|besitzer|zustandig|verkaufer|bearbeiter|responsable|proprietaire",
    ),
    "territory": (
        N_("Territory"),
        "territory|sales territory|region|zona|teritoriu|territorio|gebiet|territoire|secteur",
    ),
    "product_line": (
        N_("Product line"),
        "product line|interest|solution|linie de produse|linha de produto|produktlinie|gamme|linea de producto",
    ),
    "deal_key": (
        N_("Deal"),
        "deal id|deal|opportunity id|opportunity|deal key|opportunity name|deal name|id oportunitate|oportunitate|negocio|id do negocio|oportunidade|abschluss|chance|opportunite|affaire|oportunidad|id de oportunidad",
    ),
    "previous_stage": (
        N_("Stage before"),
        "previous stage|from stage|stage before|etapa anterioara|estagio anterior|phase vorher|etape precedente|etapa anterior",
    ),
    "position": (
        N_("Place in the pipeline"),
        "position|stage order|stage position|stage number|pozitie|posicao|reihenfolge|posicion",
    ),
    "state": (
        N_("State"),
        "state|deal status|status|outcome|won lost|stare|situacao|status do negocio|zustand|etat|statut|estado",
    ),
    "probability": (
        N_("Probability"),
        "probability|win probability|likelihood|probabilitate|probabilidade|wahrscheinlichkeit|probabilite|probabilidad",
    ),
    "expected_close": (
        N_("Expected close"),
        "expected close|close date|expected close date|forecast date|data estimata|data inchiderii|previsao de fechamento|data de fechamento|abschlussdatum|date de cloture|fecha de cierre",
    ),
    "created_on": (
        N_("Created on"),
        "created on|create date|created at|created|data crearii|criado em|erstellt am|cree le|creado el|fecha de creacion",
    ),
    "reason": (
        N_("Reason"),
        "reason|lost reason|contact reason|ticket type|category|subject category|motiv|motivo|grund|motif|raison",
    ),
    "share": (N_("Share"), "share|split|percent|percentage|credit|cota|procent|participacao|anteil|part|participacion"),
    "activity_key": (
        N_("Activity"),
        "activity id|activity key|task id|call id|meeting id|id activitate|id da atividade|aktivitat id|id activite|id actividad",
    ),
    "is_done": (
        N_("Done"),
        "is done|done|completed|finished|finalizat|efectuat|concluido|erledigt|fait|termine|hecho|completado",
    ),
    "fulfilment_key": (
        N_("Shipment"),
        "shipment id|shipment|fulfilment id|fulfillment id|tracking number|tracking|awb|fulfilment key|livrare|expediere|id envio|rastreio|sendung|sendungsnummer|expedition|colis|envio",
    ),
    "warehouse": (
        N_("Warehouse"),
        "warehouse|location|inventory location|depot|store|depozit|locatie|gestiune|armazem|deposito|lager|lagerort|entrepot|emplacement|almacen|ubicacion",
    ),
    "carrier": (
        N_("Carrier"),
        "carrier|courier|shipping company|shipping method|curier|transportator|transportadora|versanddienst|transporteur|transportista",
    ),
    "ordered_on": (
        N_("Ordered on"),
        "ordered on|order date|ordered at|data comenzii|data do pedido|bestelldatum|date de commande|fecha de pedido",
    ),
    "promised_on": (
        N_("Promised for"),
        "promised on|promised|delivery promise|estimated delivery|due date|promis pentru|prometido para|zugesagt|liefertermin|date promise|fecha prometida|fecha estimada",
    ),
    "shipped_on": (
        N_("Shipped on"),
        "shipped on|shipped at|ship date|fulfilled at|dispatch date|expediat la|data expedierii|enviado em|data de envio|versandt am|versanddatum|expedie le|date d expedition|enviado el|fecha de envio",
    ),
    "delivered_on": (
        N_("Delivered on"),
        "delivered on|delivered at|delivery date|livrat la|data livrarii|entregue em|data de entrega|geliefert am|zugestellt am|livre le|date de livraison|entregado el|fecha de entrega",
    ),
    "is_complete": (N_("Complete"), "is complete|complete|in full|complet|completo|vollstandig"),
    "is_right": (
        N_("Without mistake"),
        "is right|correct|accurate|without error|corect|correto|richtig|sans erreur|correcto",
    ),
    "on_hand": (
        N_("On hand"),
        "on hand|on hand qty|available|stock|stock level|inventory|inventory quantity|quantity|quantity on hand|qty|stock on hand|stoc|stoc curent|cantitate|estoque|quantidade|saldo|bestand|lagerbestand|menge|en stock|quantite|existencias|cantidad",
    ),
    "reserved": (N_("Reserved"), "reserved|committed|allocated|rezervat|reservado|reserviert|comprometido"),
    "is_sellable": (N_("On sale"), "is sellable|sellable|active|published|on sale|activ|ativo|aktiv|actif|activo"),
    "unit_cost_shop": (
        N_("Cost of one"),
        "unit cost|cost|cost per item|cost price|cost unitar|custo|einkaufspreis|kosten|cout|coste",
    ),
    "recorded": (
        N_("On record"),
        "recorded|expected|system quantity|book quantity|scriptic|stoc scriptic|registrado|esperado|soll|sollbestand|theorique|teorico",
    ),
    "counted": (
        N_("Counted"),
        "counted|actual|found|physical|faptic|stoc faptic|contado|gezahlt|ist|istbestand|compte|reel|fisico",
    ),
    "conversation_key": (
        N_("Conversation"),
        "conversation id|ticket id|ticket|ticket number|case id|case number|conversation|id tichet|tichet|id do ticket|chamado|ticketnummer|vorgang|numero de ticket|demande|caso",
    ),
    "first_reply_at": (
        N_("First reply"),
        "first reply at|first response|first response at|first reply|first response time utc|primul raspuns|primeira resposta|erste antwort|premiere reponse|primera respuesta",
    ),
    "resolved_at": (
        N_("Resolved at"),
        "resolved at|solved at|closed at|resolved|solved|closed datetime|rezolvat la|inchis la|resolvido em|gelost am|geschlossen am|resolu le|resuelto el|cerrado el",
    ),
    "contacts": (
        N_("Contacts"),
        "contacts|messages count|customer messages|times contacted|interactions|contacte|contatos|kontakte|contactos",
    ),
    "team": (N_("Team"), "team|department|group|echipa|equipe|mannschaft|abteilung|equipo"),
    "available_hours": (
        N_("Hours available"),
        "available hours|available|hours|ore disponibile|horas disponiveis|verfugbare stunden|heures disponibles|horas disponibles",
    ),
    "planned_hours": (
        N_("Hours planned"),
        "planned hours|planned|booked|ore planificate|horas planejadas|geplante stunden|heures planifiees|horas planificadas",
    ),
}
"""A column's label, and the headings that mean it, folded."""

_WORDS: Mapping[tuple[str, str], Mapping[str, str]] = {
    ("web_event", "event"): {
        "page_view": "page view|pageview|screen view|viewed page|page viewed|active on site",
        "product_view": "product view|view item|viewed product|product viewed|viewcontent|view content|view",
        "search": "search|view search results|searched|submitted search|searched site",
        "add_to_cart": "add to cart|added to cart|product added|addtocart|cart",
        "checkout": "checkout|begin checkout|checkout started|started checkout|initiate checkout|initiatecheckout",
        "purchase": "purchase|order completed|placed order|checkout completed|transaction",
        "sign_up": "sign up|signed up|generate lead|completeregistration|complete registration|lead|register",
        "download": "download|file download|downloaded",
        "chat": "chat|chat started|contact",
        "share": "share|shared",
    },
    ("message_event", "event"): {
        "sent": "sent|send|processed|email sent|sms sent|sent sms",
        "delivered": "delivered|received email|received sms|received|delivery|email delivered",
        "bounced": "bounced|bounce|bounced email|hard bounce|soft bounce|dropped|dropped email|failed",
        "opened": "opened|open|opened email|email opened",
        "clicked": "clicked|click|clicked email|clicked sms|email clicked",
        "unsubscribed": "unsubscribed|unsub|unsubscribe|unsubscribed from list|opt out|unsubscribed from email marketing",
        "complained": "complained|complaint|spam|spamreport|spam report|marked email as spam|abuse",
    },
    ("lead_event", "event"): {
        "created": "created|new|lead created|open",
        "consented": "consented|opt in|opted in|subscribed|double opt in",
        "qualified": "qualified|mql|sql|marketing qualified|sales qualified",
        "converted": "converted|customer|won|closed converted",
        "lost": "lost|unqualified|disqualified|closed not converted|dead",
    },
    ("deal_stage", "state"): {
        "open": "open|in progress|engaging|prospecting|deschis|aberto|offen|ouvert|abierto",
        "won": "won|closed won|castigat|ganho|gewonnen|gagne|ganado",
        "lost": "lost|closed lost|pierdut|perdido|verloren|perdu",
    },
    ("message_event", "medium"): {"email": "email|e mail|mail", "sms": "sms|text|text message"},
    ("content_interaction", "kind"): {
        "read": "read|view|page view|viewed",
        "play": "play|video start|watched|video play",
        "comment": "comment|commented",
        "share": "share|shared",
        "download": "download|file download|downloaded",
    },
}
"""What platforms call our values, folded."""

_INSTEAD: Mapping[tuple[str, str], str] = {
    ("web_event", "visitor_key"): "coalesce(customer_key, session_id)",
    ("message_event", "message_key"): "md5(concat(coalesce(customer_key, \"key lead_key\"), ':', campaign))",
    ("message_event", "send_key"): "coalesce(campaign, 'all')",
    ("message_event", "medium"): "'email'",
    ("stock_level", "reserved"): "0",
    ("stock_level", "on"): "CAST(today AS DATE)",
    ("deal_stage", "state"): "'open'",
    ("deal_stage", "created_on"): "CAST(shown_at AS DATE)",
    ("deal_stage", "value_shop"): "0",
    ("fulfilment", "on"): "CAST(shown_shipped_on AS DATE)",
    ("fulfilment", "ordered_on"): "CAST(coalesce(shown_at, shown_shipped_on) AS DATE)",
    ("fulfilment", "is_complete"): "true",
    ("fulfilment", "is_right"): "true",
    ("market_estimate", "confidence"): "0.5",
}
"""What stands for a required column that a file doesn't have, in SQL."""

_NEEDED: Mapping[str, tuple[tuple[str, ...], ...]] = {
    "web_event": (("event",), ("at",), ("session_id", "visitor_id", "customer_id")),
    "message_event": (("event",), ("at",), ("customer_id", "email", "lead_key", "message_key")),
    "fulfilment": (("fulfilment_key",), ("order_id",), ("shipped_on",)),
    "stock_level": (("product_code",), ("on_hand",)),
}
"""What must be there, where it isn't each of the required columns."""


@dataclass(frozen=True, slots=True)
class Form:
    """How a target's rows become facts.

    key : SQL of the natural key, after the source; columns : SQL of the fact's columns after the identity columns
    required : fields that no row may lack
    personal : fields with ids of people, beside the customer's
    choices : by field, the folded words for each value
    """

    key: str
    columns: str
    required: tuple[str, ...]
    has_version: bool = True
    personal: tuple[str, ...] = ()
    choices: Mapping[str, Mapping[str, str]] = MappingProxyType({})


def target(table: Table, shared: Mapping[str, Field]) -> Target:
    """The kind of file whose rows become this fact. shared : fields by column that other files have too"""
    fields: dict[str, Field] = {}
    if not table.identity:
        fields["key"] = _own_field(table, "key")
    for name in ("at", *table.columns) if "on" in table.columns else table.columns:
        if name not in _OWN:
            one = shared[name] if name in shared else _own_field(table, name)
            fields.setdefault(one.id, one)
    if "customer_key" in table.columns:
        fields["email"] = shared["email"]
    if any(name.endswith("_shop") for name in table.columns):
        fields.setdefault("currency", shared["currency"])
        fields.setdefault("rate", shared["rate"])
    fields["updated_at"] = shared["updated_at"]
    ids = {name: one.id for name, one in shared.items()}
    needed = _NEEDED.get(table.name) or tuple(
        (("at" if name in ("on", "at") else ids.get(name, name)),) for name in _required(table)
    )
    needed = tuple(dict.fromkeys(needed))
    common = {"at", "channel", "campaign", "country", "customer_id", "email", "currency", "rate", "updated_at", "key"}
    telling = tuple(id_ for id_ in fields if id_ not in common)
    label = LABELS.get(table.name, table.description.capitalize())
    return Target(table.name, label, tuple(fields.values()), needed, telling, is_strict=True)


def _required(table: Table) -> list[str]:
    """The columns that a row can't do without."""
    return [
        one.name
        for one in table.schema
        if not one.nullable
        and one.name not in table.defaults
        and one.name not in ("key", "version", "recorded_at", "batch_id", "hour")
        and (table.name, one.name) not in _INSTEAD
        and not (one.name == "on" and "at" in table.columns)
        and one.name != "currency"
    ]


def _own_field(table: Table, name: str) -> Field:
    label, names = _NAMED.get(name, (name.replace("_", " ").capitalize(), name.replace("_", " ")))
    plain = name.removesuffix("_key").removesuffix("_shop").replace("_", " ")
    return field(name, label, _type(table, name), f"{name.replace('_', ' ')}|{plain}|{names}")


def _type(table: Table, name: str) -> Type:
    if name == "key":
        return Type.CODE
    kind = table.schema.field(name).type
    if name in table.choices:
        return Type.TEXT
    if pa.types.is_boolean(kind):
        return Type.FLAG
    if pa.types.is_integer(kind):
        return Type.INTEGER
    if pa.types.is_decimal(kind) or pa.types.is_floating(kind):
        return Type.NUMBER
    if pa.types.is_date(kind) or pa.types.is_timestamp(kind):
        return Type.STAMP
    return Type.CODE if name.endswith("_key") else Type.TEXT


@cache
def form(table: Table, ids: tuple[tuple[str, str], ...]) -> Form:
    """How rows of a file become this fact. ids : the field of each column that isn't named after it"""
    named = dict(ids)
    columns = {name: _sql(table, name, named) for name in table.columns[4:]}
    parts = " || ':' || ".join(f"coalesce(CAST({columns[name]} AS VARCHAR), '')" for name in table.identity)
    required = tuple("at" if name in ("on", "at") else named.get(name, name) for name in _required(table))
    if table.name in _NEEDED:
        required = tuple(group[0] for group in _NEEDED[table.name] if len(group) == 1)
    return Form(
        parts or "coalesce(r.key, r.hash || ':' || r.n)",
        ", ".join(f'{sql} AS "{name}"' for name, sql in columns.items()),
        tuple(dict.fromkeys(required)),
        has_version=bool(table.identity),
        personal=tuple(named.get(name, name) for name in table.personal_keys if name != "customer_key"),
        choices={name: _folded(table, name) for name in table.choices if name in table.columns},
    )


def _folded(table: Table, name: str) -> dict[str, str]:
    words = _WORDS.get((table.name, name), {})
    found = {places.folded(value.replace("_", " ")): value for value in table.choices[name]}
    for value, spoken in words.items():
        found |= dict.fromkeys(spoken.split("|"), value)
    return found


def _sql(table: Table, name: str, named: Mapping[str, str]) -> str:
    """SQL of a column, over the row `r` with what was read of it."""
    kind = table.schema.field(name).type
    found = _read(table, name, named, kind)
    others = [_INSTEAD[table.name, name]] if (table.name, name) in _INSTEAD else []
    default = table.defaults.get(name)
    if default is not None:
        others.append(quoted(default) if isinstance(default, str) else str(default).lower())
    return f"coalesce({', '.join([found, *others])})" if others else found


def _read(table: Table, name: str, named: Mapping[str, str], kind: pa.DataType) -> str:
    id_ = f'r."{named.get(name, name)}"'
    match name:
        case "at":
            return "timezone('UTC', utc_at)"
        case "on":
            return "CAST(shown_at AS DATE)"
        case "hour":
            return "CAST(hour(shown_at) AS TINYINT)"
        case "market" | "customer_key":
            return name
        case "currency":
            return "currency"
        case "until_on":
            return "CAST(shown_until_on AS DATE) + 1"
        case "page" | "link":
            return f"split_part(split_part(regexp_replace({id_}, '^https?://[^/]+', ''), '?', 1), '#', 1)"
    if name in table.personal_keys:
        return f'"key {named.get(name, name)}"'
    if pa.types.is_date(kind):
        return f'CAST("shown_{named.get(name, name)}" AS DATE)'
    if pa.types.is_timestamp(kind):
        return f"timezone('UTC', \"utc_{named.get(name, name)}\")"
    if name.endswith("_shop"):
        return (
            f"CASE WHEN rate = 1 THEN {id_} ELSE CAST(CAST({id_} AS DECIMAL(22, 6)) * CAST(rate AS DECIMAL(16, 9)) "
            "AS DECIMAL(18, 6)) END"
        )
    if kind == RATE or name == "confidence":
        return f"CAST(CASE WHEN {id_} > 1 THEN {id_} / 100 ELSE {id_} END AS DECIMAL(18, 9))"
    if pa.types.is_integer(kind):
        return f"CAST({id_} AS BIGINT)"
    return id_
