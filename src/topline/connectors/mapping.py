"""Which column of a file is what: recognised from its heading in six languages and from its content.

`TARGETS` is the one table of what can be brought in and what its columns are called. A proposal carries a score and a reason
for each column, and a person may change any of it.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from dataclasses import field as attribute
from decimal import Decimal
from functools import cache
from typing import Any

from topline.connectors import errors, fact_file, places
from topline.connectors.content import Content, unnamed
from topline.connectors.target import Field, Target, Type, field
from topline.facts.table import tables
from topline.units.text import N_

_ORDER = field(
    "order_id",
    N_("Order"),
    Type.CODE,
    """invoice|invoice no|invoice number|invoice id|order|order id|order no|order number|order name|order key
    order ref
    order reference|transaction id|transaction|receipt|receipt no|basket id|sale id|document no|name
    increment id|purchase id
    comanda|nr comanda|numar comanda|id comanda|factura|nr factura|numar factura|bon|nr bon
    pedido|id do pedido|numero do pedido|n pedido|nota fiscal|numero da nota|fatura|encomenda
    numero da encomenda|numero encomenda|numero da fatura|cod pedido|codigo do pedido
    bestellung|bestellnummer|bestell nr|bestellnr|auftrag|auftragsnummer|auftrags nr|rechnung|rechnungsnummer
    rechnungs nr|belegnummer|beleg nr
    commande|numero de commande|no commande|n commande|id commande|facture|numero de facture|n facture
    n de commande|n de facture|no de commande|reference commande|ref commande
    numero commande|numero facture
    id pedido|numero de pedido|numero pedido|n de pedido|numero de factura|n factura|id de pedido|orden
    numero de orden""",
)
_AT = field(
    "at",
    N_("Date and time"),
    Type.STAMP,
    """invoice date|order date|date|datetime|date time|timestamp|created at|created|order time|ordered at
    ordered on|purchase date
    transaction date|transaction timestamp|sale date|sold at|event date|event time|processed at|order created
    placed at|invoice datetime|paid at|day|event timestamp|occurred at|sent at|created datetime|publish time
    data|data comenzii|data comanda|data factura|data facturii|data si ora|creat la|data vanzarii|data plasarii
    data do pedido|data da compra|data da venda|data de emissao|criado em|data e hora|data da fatura
    data da encomenda|data hora
    datum|bestelldatum|auftragsdatum|rechnungsdatum|kaufdatum|erstellt am|datum uhrzeit|belegdatum|zeitpunkt
    verkaufsdatum
    date de commande|date commande|date de facture|date facture|date d achat|cree le|date de creation|date heure
    date de vente|date et heure
    fecha|fecha de pedido|fecha del pedido|fecha pedido|fecha de factura|fecha factura|fecha de compra|creado el
    fecha y hora|fecha de venta
    time|time utc|ts|zeit|ora|hora|heure""",
)
_PRODUCT = field(
    "product_code",
    N_("Product code"),
    Type.CODE,
    """stock code|sku|product|product code|product id|item|item code|item id|item no|item number|article|article no
    article number|part number|variant sku
    lineitem sku|line item sku|asin|ean|gtin|barcode|upc|product key|product sku|material
    cod produs|cod articol|produs id|id produs|articol|cod|cod bare
    codigo do produto|cod produto|codigo produto|id do produto|codigo|referencia|ref produto|codigo do item
    artikelnummer|artikel nr|artikelnr|artikel|produktnummer|produkt nr|produktcode|artnr|art nr|produkt id
    artikelcode|bestellartikel
    reference|ref|reference produit|code produit|code article|reference article|article code|id produit
    ref article|ref produit
    codigo de producto|codigo producto|codigo del producto|id de producto|id producto|referencia producto
    codigo de articulo|articulo|codigo articulo""",
)
_TITLE = field(
    "title",
    N_("Product name"),
    Type.TEXT,
    """description|product name|item name|title|product title|lineitem name|line item name|item description
    product description|article name|name
    denumire|denumire produs|nume produs|descriere|produs|denumirea produsului|denumire articol
    descricao|nome do produto|produto|descricao do produto|nome produto|item descricao
    bezeichnung|artikelbezeichnung|beschreibung|produktname|produkt|artikelname|produktbezeichnung|titel
    designation|libelle|nom du produit|description produit|produit|libelle produit|nom produit|intitule
    libelle article
    descripcion|nombre del producto|producto|descripcion del producto|nombre producto|nombre de producto
    denominacion|product|item|article""",
)
_QUANTITY = field(
    "quantity",
    N_("Quantity"),
    Type.NUMBER,
    """quantity|qty|units|lineitem quantity|line item quantity|quantity ordered|qty ordered|pieces|pcs|units sold
    item quantity|count|quantity purchased
    cantitate|cant|bucati|buc|nr bucati|cantitatea
    quantidade|qtd|qtde|unidades|quant|quantidade vendida
    menge|anzahl|stuck|stueck|stuckzahl|stueckzahl|bestellmenge|stk
    quantite|qte|nombre|unites|nb|quantite commandee|qte commandee
    cantidad|cant|uds|cantidad pedida|cantidad vendida""",
)
_UNIT_PRICE = field(
    "unit_price",
    N_("Price of one"),
    Type.NUMBER,
    """price|unit price|unitprice|item price|price per unit|lineitem price|line item price|selling price|price each
    sale price|net price|unit cost price|product price|price one
    pret|pret unitar|pretul|pret vanzare|pret bucata|pretul unitar
    preco|preco unitario|valor unitario|preco de venda|preco unit|vl unitario
    preis|einzelpreis|stuckpreis|stueckpreis|verkaufspreis|vk preis|preis pro stuck|preis stuck
    prix|prix unitaire|pu|prix de vente|prix unit|pu ht|prix unitaire ht
    precio|precio unitario|precio de venta|precio unidad|precio por unidad|precio unit|pvp""",
)
_GROSS_PRICE = Field("gross_price", N_("Price of one, tax included"), Type.NUMBER, _UNIT_PRICE.names)
_AMOUNT = field(
    "amount",
    N_("Amount of the row"),
    Type.NUMBER,
    """amount|total|line total|line amount|sales|sales value|revenue|total price|subtotal|value|net amount
    gross amount|net total|lineitem total|item total|row total|extended price|turnover|total amount|order total
    valoare|suma|total linie|valoare totala|vanzari|total rand|pret total
    valor|valor total|total do item|faturamento|receita|vendas|preco total|total da linha
    betrag|summe|gesamt|gesamtpreis|umsatz|gesamtbetrag|zeilensumme|gesamtsumme|positionsbetrag
    montant|montant total|total ligne|prix total|chiffre d affaires|ca
    importe|importe total|total linea|ventas|ingresos|precio total|importe linea|facturacion""",
)
_GROSS_AMOUNT = Field("gross_amount", N_("Amount of the row, tax included"), Type.NUMBER, _AMOUNT.names)
_CURRENCY = field(
    "currency",
    N_("Currency"),
    Type.CURRENCY,
    """currency|currency code|order currency|curr|ccy|moneda|valuta|cod moneda|moeda|codigo da moeda
    wahrung|waehrung|wahrungscode|waehrungscode|devise|monnaie|code devise|divisa|codigo de moneda""",
)
_RATE = field(
    "rate",
    N_("Exchange rate"),
    Type.NUMBER,
    """exchange rate|rate|fx rate|currency rate|conversion rate|curs|curs valutar|curs de schimb|taxa de cambio
    cambio|cotacao
    wechselkurs|kurs|umrechnungskurs|taux de change|taux|cours|tipo de cambio|tasa de cambio""",
)
_CUSTOMER = field(
    "customer_id",
    N_("Customer"),
    Type.CODE,
    """customer id|customer|customer no|customer number|customer code|client id|client|buyer id|user id|account id
    household id|household key|member id|shopper id|customer key|contact id|buyer
    id client|cod client|nr client|client nr|cumparator
    cliente|id do cliente|codigo do cliente|id cliente|cod cliente|comprador|numero do cliente
    kunde|kundennummer|kunden nr|kundennr|kunden id|kundenr|debitor|kundencode|debitorennummer
    client no|numero client|n client|n de client|no de client|code client|identifiant client|acheteur|no client
    numero de client
    id de cliente|codigo de cliente|codigo cliente|numero de cliente|n cliente""",
)
_EMAIL = field(
    "email",
    N_("E-mail"),
    Type.EMAIL,
    """email|e mail|email address|e mail address|customer email|contact email|billing email|mail|adresa email
    adresa de email|email client
    endereco de email|correio eletronico|email do cliente|e mail do cliente|e mail adresse|mailadresse
    email adresse|kunden email
    adresse email|courriel|adresse e mail|adresse mail|email du client|correo|correo electronico|correo e
    email del cliente|direccion de correo""",
)
_NAME = field(
    "customer_name",
    N_("Customer's name"),
    Type.TEXT,
    """customer name|full name|client name|buyer name|billing name|shipping name|contact name|recipient name
    first name|last name|name
    nume client|nume|nume complet|nume si prenume|numele clientului|prenume
    nome do cliente|nome|nome completo|nome cliente|sobrenome
    kundenname|name des kunden|vorname|nachname|empfanger|rechnungsname
    nom du client|nom client|nom complet|nom|prenom|nom et prenom
    nombre del cliente|nombre cliente|nombre completo|nombre|apellidos|nombre y apellidos|cliente nombre""",
)
_PHONE = field(
    "phone",
    N_("Phone"),
    Type.PHONE,
    """phone|phone number|telephone|mobile|billing phone|shipping phone|tel|telefon|numar de telefon|mobil|telefone
    celular
    telefonnummer|handy|mobilnummer|rufnummer|numero de telephone|portable|telefono|movil|numero de telefono
    nr telefon""",
)
_COUNTRY = field(
    "country",
    N_("Country"),
    Type.COUNTRY,
    """country|country code|market|shipping country|billing country|ship country|customer country|country region
    delivery country|destination country|store country|region
    tara|tara livrare|tara de livrare|tara facturare|piata
    pais|pais de entrega|pais de destino|pais do cliente|mercado
    land|lieferland|zielland|landercode|laendercode|rechnungsland|markt|versandland
    pays|pays de livraison|code pays|pays de facturation|marche
    pais de envio|pais envio|codigo de pais|codigo pais|pais del cliente|pais de facturacion""",
)
_CHANNEL = field(
    "channel",
    N_("Channel"),
    Type.TEXT,
    """channel|sales channel|source|order source|marketing channel|utm medium|medium|traffic source|source name
    marketplace|platform|storefront
    canal|canal de vanzare|sursa|canal vanzare|canal de vendas|origem|canal de venda|plataforma
    kanal|vertriebskanal|verkaufskanal|quelle|herkunft|marketingkanal|marktplatz
    canal de vente|source de trafic|place de marche|plateforme|canal de venta|origen|fuente|canal venta""",
)
_CAMPAIGN = field(
    "campaign",
    N_("Campaign"),
    Type.TEXT,
    """campaign|campaign name|campaign id|utm campaign|ad campaign|campanie|nume campanie|campanha|nome da campanha
    kampagne|kampagnenname|campagne
    nom de la campagne|campana|nombre de la campana|nombre campana""",
)
_COUPON = field(
    "coupon",
    N_("Coupon"),
    Type.TEXT,
    """coupon|coupon code|discount code|promo code|voucher code|cod reducere|cod promotional|cupon|cupom
    codigo de desconto|codigo promocional
    gutscheincode|rabattcode|aktionscode|code promo|code de reduction|bon de reduction|codigo de descuento
    codigo descuento""",
)
_STATUS = field(
    "status",
    N_("Status"),
    Type.TEXT,
    """status|order status|financial status|state|payment status|fulfillment status|stare|stare comanda
    starea comenzii|situacao|status do pedido|estado do pedido
    bestellstatus|auftragsstatus|zustand|statut|statut commande|etat|etat de la commande|estado
    estado del pedido|estado pedido""",
)
_LINE = field(
    "line_id",
    N_("Row's own number"),
    Type.CODE,
    """line id|line item id|order line id|row id|order item id|lineitem id|transaction line id|id linie|id linha
    id do item|positions id|zeilen id|position id
    id ligne|identifiant ligne|id linea|id de linea|order line key""",
)
_UPDATED = field(
    "updated_at",
    N_("Last changed"),
    Type.STAMP,
    """updated at|modified at|last modified|last updated|updated|date modified|actualizat la|modificat la
    atualizado em|modificado em|geandert am|aktualisiert am
    modifie le|mis a jour le|date de modification|actualizado el|modificado el|fecha de modificacion|changed at""",
)
_COST = field(
    "unit_cost",
    N_("Cost of one"),
    Type.NUMBER,
    """cost|unit cost|cost price|cost per item|cogs|purchase price|buying price|cost of goods|pret achizitie
    pret de achizitie|cost unitar|cost achizitie
    custo|custo unitario|preco de custo|preco de compra|einkaufspreis|ek|ek preis|kosten|einstandspreis
    stuckkosten
    cout|prix d achat|cout unitaire|prix de revient|pa ht|costo|coste|coste unitario|costo unitario
    precio de compra|precio de coste""",
)
_CATEGORY = field(
    "category",
    N_("Category"),
    Type.TEXT,
    """category|product category|product type|department|type|item category|main category|category name
    product group|categorie|categorie produs|departament|tip produs
    categoria|categoria do produto|departamento|tipo de produto|grupo|kategorie|produktkategorie|warengruppe
    produktgruppe|abteilung|artikelgruppe
    categorie produit|rayon|famille|type de produit|familia|categoria del producto|tipo de producto
    categoria de producto""",
)
_SUBCATEGORY = field(
    "subcategory",
    N_("Subcategory"),
    Type.TEXT,
    """subcategory|sub category|product subcategory|subdepartment|subcategorie|sub categorie|subcategoria
    sub categoria|unterkategorie|sous categorie|sous famille|subfamilia""",
)
_BRAND = field(
    "brand",
    N_("Brand"),
    Type.TEXT,
    """brand|vendor|manufacturer|make|label|lineitem vendor|marca|producator|brand name|fabricante|marke|hersteller
    marque|fabricant|producent""",
)
_SUPPLIER = field(
    "supplier",
    N_("Supplier"),
    Type.TEXT,
    "supplier|supplier name|furnizor|fornecedor|lieferant|fournisseur|proveedor",
)
_DISCOUNT = field(
    "discount",
    N_("Discount"),
    Type.NUMBER,
    """discount|discount amount|line discount|lineitem discount|line item discount|discount total|discount value
    total discount|order discount|reducere|discount linie|valoare reducere|suma reducere
    desconto|valor do desconto|desconto total|rabatt|rabattbetrag|nachlass|remise|montant remise|montant de la remise
    reduction|total remise|descuento|importe descuento|descuento total""",
)
_TAX = field(
    "tax",
    N_("Tax"),
    Type.NUMBER,
    """tax|taxes|tax amount|vat|vat amount|sales tax|line tax|item tax|total tax|order tax|tva|valoare tva|suma tva
    imposto|impostos|iva|valor iva|valor do imposto|mwst|ust|mehrwertsteuer|umsatzsteuer|steuer|steuerbetrag
    mwst betrag|montant tva|taxe|gst|impuesto|impuestos|importe iva""",
)
_LINE_DISCOUNT_RATE = field(
    "discount_rate",
    N_("Discount, as a rate"),
    Type.RATE,
    """discount rate|discount percent|discount percentage|discount pct|percent off|line discount percent
    lineitem discount percent|percent discount
    procent reducere|reducere percent|procentul reducerii|percentual de desconto|desconto percent|percent desconto
    rabatt prozent|rabatt percent|rabattsatz|nachlass percent|taux de remise|remise percent|reduction percent
    pourcentage de remise|porcentaje de descuento|descuento percent|percent descuento""",
)
_TAX_RATE = field(
    "tax_rate",
    N_("Tax rate"),
    Type.RATE,
    """tax rate|vat rate|tax percent|vat percent|tax percentage|vat percentage|tax pct|vat pct|sales tax rate
    gst rate|gst percent|percent vat|percent tax|cota tva|cota de tva|tva percent|procent tva|aliquota|aliquota iva
    iva percent|percent iva|taxa iva|taxa de iva|steuersatz|mwst satz|mwst percent|ust satz|ust percent
    mehrwertsteuersatz|umsatzsteuersatz|steuer percent
    taux tva|taux de tva|percent tva|tipo iva|tipo de iva|porcentaje iva|porcentaje de iva|tasa de impuesto""",
)
_SHIPPING = field(
    "shipping",
    N_("Shipping"),
    Type.NUMBER,
    """shipping|shipping amount|shipping cost|shipping price|shipping fee|shipping charge|shipping total|postage
    freight|delivery fee|delivery charge|delivery cost|item shipping|transport|cost transport|cost livrare
    taxa livrare|taxa transport|frete|valor do frete|portes|portes de envio|versand|versandkosten|lieferkosten
    livraison|frais de port|frais de livraison|gastos de envio|envio|coste de envio""",
)
_REFUNDED = field(
    "refunded",
    N_("Amount refunded"),
    Type.NUMBER,
    """refunded|refunded amount|refund amount|amount refunded|total refunded|refund total|refund value
    suma rambursata|valoare rambursata|rambursat|valor reembolsado|reembolso|valor estornado
    erstattet|erstattungsbetrag|erstatteter betrag|ruckerstattung|montant rembourse|remboursement|rembourse
    importe reembolsado|reembolsado|importe devuelto""",
)
_ORIGIN = field(
    "original_order",
    N_("Order that is credited"),
    Type.CODE,
    """original order|original order id|original order number|original invoice|original invoice no|parent order
    parent order id|parent id|parent|refund of|refunded order|credited invoice|reference order
    original transaction id|comanda initiala|comanda originala|factura initiala|factura stornata|pedido original
    fatura original|nota original|originalbestellung|ursprungsbestellung|urspruengliche bestellung
    ursprungliche bestellung|originalrechnung|commande d origine|commande initiale|facture d origine
    pedido de origen|factura original|factura rectificada""",
)
_CANCELLED_AT = field(
    "cancelled_at",
    N_("Cancelled or refunded on"),
    Type.STAMP,
    """cancelled at|canceled at|cancelled on|canceled on|cancellation date|cancel date|refunded at|refund date
    refunded on|voided at|data anularii|anulat la|data rambursarii|data do cancelamento|cancelado em|data do reembolso
    storniert am|stornodatum|erstattet am|annule le|date d annulation|date de remboursement|rembourse le
    fecha de cancelacion|cancelado el|fecha de reembolso""",
)
_SINCE = field(
    "since",
    N_("Customer since"),
    Type.STAMP,
    """customer since|registered|registration date|signup date|sign up date|joined|join date|created at|created
    since|data inregistrarii|client din
    data de cadastro|cliente desde|data do cadastro|registriert am|kunde seit|registrierungsdatum|anmeldedatum
    client depuis|date d inscription|inscrit le
    fecha de alta|fecha de registro|cliente desde el""",
)
_SEGMENT = field(
    "segment",
    N_("Segment"),
    Type.TEXT,
    """segment|customer segment|customer group|customer type|tags|grup clienti|tip client|segmento
    grupo de clientes|"""
    "kundengruppe|kundensegment|groupe client|groupe de clients|tipo de cliente",
)
_COST_SPENT = field(
    "amount",
    N_("Spend"),
    Type.NUMBER,
    """spend|cost|amount|amount spent|ad spend|media cost|total spend|budget spent|cheltuieli|cost total
    suma cheltuita|gasto|investimento|custo|valor gasto|valor investido
    ausgaben|kosten|werbekosten|ausgegebener betrag|werbeausgaben|depense|depenses|cout|montant depense|gastos
    coste|inversion|importe gastado|costo""",
)
_IMPRESSIONS = field(
    "impressions",
    N_("Impressions"),
    Type.INTEGER,
    """impressions|impr|views|impresii|afisari|impressoes|impressionen|einblendungen|impressions vues|impresiones""",
)
_CLICKS = field(
    "clicks", N_("Clicks"), Type.INTEGER, "clicks|link clicks|clickuri|click uri|cliques|klicks|clics|clicuri"
)
_SPEND_KIND = field(
    "kind",
    N_("Kind of spend"),
    Type.TEXT,
    "kind|spend type|cost type|tip cheltuiala|tipo de gasto|kostenart|type de depense|spend kind",
)
_SESSION = field(
    "session_id",
    N_("Session"),
    Type.CODE,
    """session id|session|visit id|visit|user session|session key|sesiune|id sesiune|sessao|id da sessao|sitzung|"""
    "sitzungs id|besuch|id de session|visite|sesion|id de sesion",
)
_VISITOR = field(
    "visitor_id",
    N_("Visitor"),
    Type.CODE,
    """visitor id|visitor|client id|anonymous id|cookie id|device id|vizitator|visitante|besucher|besucher id|"""
    "visiteur|id visiteur|user pseudo id|visitor key|id visitante",
)
_DEVICE = field(
    "device",
    N_("Device"),
    Type.TEXT,
    """device|device type|device category|dispozitiv|dispositivo|gerat|geraet|gerat typ|appareil|type d appareil""",
)
_LANDING = field(
    "landing_page",
    N_("Landing page"),
    Type.TEXT,
    """landing page|entry page|landing url|first page|pagina de intrare|pagina de destino|einstiegsseite|zielseite|"""
    "page d entree|page de destination|pagina de entrada",
)
_VIEWS = field(
    "views",
    N_("Page views"),
    Type.INTEGER,
    """page views|pageviews|views|pages|hits|afisari de pagina|visualizacoes|seitenaufrufe|pages vues
    paginas vistas|"""
    "vizualizari",
)
_DURATION = field(
    "duration_seconds",
    N_("Duration in seconds"),
    Type.INTEGER,
    """duration|duration seconds|session duration|time on site|durata|duracao|dauer|sitzungsdauer|duree|duracion""",
)
_FROM = field(
    "from",
    N_("Valid from"),
    Type.STAMP,
    """valid from|from|start date|start|starts on|effective date|begin date|date|on|de la|valabil de la
    data inceput|"""
    """valido desde|inicio|data de inicio|a partir de|gultig ab|gueltig ab|ab|von|beginn|startdatum|valable du
    debut|"""
    "date de debut|a partir du|desde|fecha de inicio|fecha inicio|vigente desde",
)
_UNTIL = field(
    "until",
    N_("Last day"),
    Type.STAMP,
    """valid to|to|until|end date|end|ends on|expires|pana la|valabil pana la|data sfarsit|ate|fim|data de fim|data"""
    """final|termino|bis|gultig bis|gueltig bis|ende|enddatum|au|fin|date de fin|jusqu au|hasta|fecha de fin|fecha"""
    "fin|vigente hasta",
)
_PROMOTION = field(
    "promotion_id",
    N_("Promotion"),
    Type.CODE,
    """promotion|promotion id|promo|promo id|promotion name|offer|offer id|promotie|id promotie|oferta|promocao
    id da"""
    """promocao|aktion|aktions id|aktionsname|angebot|promotion id nom|offre|promocion|id de promocion
    promotion key""",
)
_PROMOTION_KIND = field(
    "kind",
    N_("Kind of promotion"),
    Type.TEXT,
    "promotion type|promo type|offer type|kind|tip promotie|tipo de promocao|aktionsart|aktionstyp|type de "
    "promotion|type d offre|tipo de promocion",
)
_DISCOUNT_RATE = field(
    "discount_rate",
    N_("Discount"),
    Type.RATE,
    """discount|discount rate|discount percent|discount percentage|discount pct|percent off|reducere
    procent reducere|"""
    """desconto|percentual de desconto|rabatt|rabatt prozent|nachlass|remise|taux de remise|reduction|descuento|"""
    "porcentaje de descuento",
)

_WRITTEN: Mapping[str, Target] = {
    target.table: target
    for target in (
        Target(
            "order_line",
            N_("Orders, a row for each item"),
            (
                _ORDER,
                _AT,
                _PRODUCT,
                _TITLE,
                _QUANTITY,
                _UNIT_PRICE,
                _AMOUNT,
                _GROSS_PRICE,
                _GROSS_AMOUNT,
                _CURRENCY,
                _RATE,
                _CUSTOMER,
                _EMAIL,
                _NAME,
                _PHONE,
                _COUNTRY,
                _CHANNEL,
                _CAMPAIGN,
                _COUPON,
                _COST,
                _CATEGORY,
                _SUBCATEGORY,
                _BRAND,
                _SUPPLIER,
                _STATUS,
                _CANCELLED_AT,
                _DISCOUNT,
                _LINE_DISCOUNT_RATE,
                _TAX,
                _TAX_RATE,
                _SHIPPING,
                _REFUNDED,
                _ORIGIN,
                _LINE,
                _UPDATED,
            ),
            (("order_id",), ("at",), ("unit_price", "amount", "gross_price", "gross_amount")),
            ("order_id", "quantity"),
        ),
        Target(
            "customer",
            N_("Customers"),
            (_CUSTOMER, _EMAIL, _NAME, _PHONE, _COUNTRY, _SINCE, _SEGMENT, _UPDATED),
            (("customer_id", "email"),),
            ("email", "since", "phone", "segment"),
        ),
        Target(
            "product",
            N_("Products"),
            (_PRODUCT, _TITLE, _CATEGORY, _SUBCATEGORY, _BRAND, _SUPPLIER, _UPDATED),
            (("product_code",), ("title", "category", "brand")),
            ("category", "brand", "supplier"),
        ),
        Target(
            "spend",
            N_("Marketing spend"),
            (_AT, _CHANNEL, _CAMPAIGN, _COUNTRY, _COST_SPENT, _CURRENCY, _RATE, _IMPRESSIONS, _CLICKS, _SPEND_KIND),
            (("at",), ("channel", "campaign"), ("amount",)),
            ("impressions", "clicks", "campaign"),
        ),
        Target(
            "session",
            N_("Sessions"),
            (_SESSION, _VISITOR, _CUSTOMER, _AT, _CHANNEL, _CAMPAIGN, _COUNTRY, _DEVICE, _LANDING, _VIEWS, _DURATION),
            (("session_id",), ("at",)),
            ("session_id", "visitor_id", "device"),
        ),
        Target(
            "price",
            N_("Price list"),
            (_PRODUCT, _FROM, _UNIT_PRICE, _CURRENCY, _COUNTRY),
            (("product_code",), ("from",), ("unit_price",)),
            ("from",),
        ),
        Target(
            "promotion",
            N_("Promotions"),
            (_PROMOTION, _PRODUCT, _FROM, _UNTIL, _PROMOTION_KIND, _DISCOUNT_RATE, _CAMPAIGN, _COUNTRY),
            (("promotion_id",), ("from",), ("until",)),
            ("until", "discount_rate"),
        ),
    )
}

SHARED: Mapping[str, Field] = {
    "at": _AT,
    "order_key": _ORDER,
    "product_key": _PRODUCT,
    "title": _TITLE,
    "quantity": _QUANTITY,
    "currency": _CURRENCY,
    "rate": _RATE,
    "customer_key": _CUSTOMER,
    "email": _EMAIL,
    "market": _COUNTRY,
    "channel": _CHANNEL,
    "campaign": _CAMPAIGN,
    "category": _CATEGORY,
    "session_key": _SESSION,
    "visitor_key": _VISITOR,
    "device": _DEVICE,
    "updated_at": _UPDATED,
}
"""Fields of columns that many facts have."""

_BY_LINES = ("order",)
"""Facts that the rows of another file make."""

TARGETS: Mapping[str, Target] = {
    **_WRITTEN,
    **{
        table.name: fact_file.target(table, SHARED)
        for table in tables().values()
        if not table.is_own and table.name not in _WRITTEN and table.name not in _BY_LINES
    },
}
"""The kinds of file: those written out here, and one for every other fact."""

# Fields that change what a row comes to: a heading that is only like theirs (a shipping method) is not enough.
_EXACT = frozenset(
    ["discount", "discount_rate", "tax", "tax_rate", "shipping", "refunded", "original_order", "cancelled_at", "status"]
)
_RATE_OF = {"discount": "discount_rate", "tax": "tax_rate"}
_TAX_WORDS = frozenset(
    [
        "vat",
        "tax",
        "taxes",
        "tva",
        "iva",
        "gst",
        "mwst",
        "ust",
        "mehrwertsteuer",
        "imposto",
        "impostos",
        "impuesto",
        "impuestos",
    ]
)
_WITH = frozenset(
    [
        "incl",
        "inc",
        "including",
        "included",
        "inclusive",
        "with",
        "cu",
        "com",
        "con",
        "c",
        "inkl",
        "inklusive",
        "mit",
        "avec",
        "inclus",
        "incluse",
        "inclusa",
        "incluido",
    ]
)
_WITHOUT = frozenset(
    [
        "excl",
        "ex",
        "excluding",
        "exclusive",
        "without",
        "net",
        "fara",
        "sem",
        "sin",
        "s",
        "exkl",
        "ohne",
        "sans",
        "hors",
    ]
)
_BASES = {"ttc": "gross", "brutto": "gross", "ht": "net", "netto": "net"}
_PERCENT = re.compile(r"(\d{1,2}(?:[.,]\d+)?)\s?%")
_TAX_RATES = (3, 27)
_FILLER = frozenset(
    [
        "the",
        "of",
        "de",
        "da",
        "do",
        "del",
        "la",
        "le",
        "des",
        "du",
        "der",
        "die",
        "das",
        "order",
        "customer",
        "product",
        "lineitem",
        "line",
        "item",
        "a",
    ]
)


AMOUNTS = frozenset(
    [
        "unit_price",
        "gross_price",
        "amount",
        "gross_amount",
        "unit_cost",
        "discount",
        "tax",
        "shipping",
        "refunded",
        "value_shop",
        "amount_shop",
        "unit_cost_shop",
    ]
)
"""The fields that hold money, where a currency may stand beside the number."""

SURE = 0.7
"""From this score on nobody needs to look at a proposed column."""


@dataclass(frozen=True, slots=True)
class Match:
    """One proposed column. score : 0-1; reason : `name`, `similar_name`, `content` or `person`"""

    column: str
    score: float
    reason: str
    reading: Mapping[str, Any] = attribute(default_factory=dict)

    @property
    def is_unsure(self) -> bool:
        """Whether a person should look at it before files are taken in so."""
        return self.score < SURE


@dataclass(frozen=True, slots=True)
class Layout:
    """What a file is: its target, and the column of each field."""

    target: str
    matches: Mapping[str, Match]

    @property
    def score(self) -> float:
        """How sure the proposal is, 0-1: its least sure required field."""
        target = TARGETS[self.target]
        least = 0.5 if target.is_strict else 0.0
        found = min(
            max((self.matches[id_].score for id_ in group if id_ in self.matches), default=0.0)
            for group in target.required
        )
        return found if found >= least else 0.0

    def undecided(self, part: str) -> list[str]:
        """The columns that nothing in the file says how to read. part : `dates` or `decimal`"""
        readings = {match.column: match.reading for match in self.matches.values()}
        return [column for column, reading in readings.items() if reading.get("is_ambiguous") and part in reading]

    def column(self, id_: str) -> str | None:
        match = self.matches.get(id_)
        return match.column if match else None

    def to_json(self) -> dict[str, Any]:
        return {
            "target": self.target,
            "columns": {
                id_: {"column": m.column, "score": round(m.score, 3), "reason": m.reason, "reading": dict(m.reading)}
                for id_, m in self.matches.items()
            },
        }

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> "Layout":
        matches = {
            id_: Match(m["column"], m["score"], m["reason"], m["reading"]) for id_, m in value["columns"].items()
        }
        return cls(value["target"], matches)

    def chosen(self, choices: Mapping[str, str | None]) -> "Layout":
        """The layout with a person's choices: field id to column, None to leave the field out."""
        taken = {column for column in choices.values() if column}
        kept = {id_: m for id_, m in self.matches.items() if id_ not in choices and m.column not in taken}
        kept.update({id_: Match(column, 1.0, "person") for id_, column in choices.items() if column})
        return replace(self, matches=kept)


_NUMERO = re.compile(r"\b[Nn]\.?[º°ª]\.?")


@cache
def words(heading: str) -> tuple[str, ...]:
    """A heading's folded words, camel case and underscores taken apart."""
    plain = _NUMERO.sub("numero ", heading.replace("MwSt", "mwst").replace("USt", "ust"))
    apart = re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", " ", plain)
    return tuple(places.folded(_PERCENT.sub(" ", apart).replace("%", " percent ")).split())


def heading_rate(heading: str) -> Decimal | None:
    """The rate (0-1) that a heading names, such as .2 in “VAT 20 %”."""
    found = _PERCENT.search(heading)
    return Decimal(found[1].replace(",", ".")) / 100 if found else None


def tax_basis(heading: str) -> tuple[str | None, tuple[str, ...]]:
    """Whether a heading says that a price is with tax (`gross`) or without (`net`), and its words apart from that."""
    own: list[str] = []
    for word in words(heading):
        start = next((b for b in ("brutto", "netto") if word.startswith(b) and word != b), "")
        own += [start, word.removeprefix(start)] if start else [word]
    told = set(own)
    basis = next((_BASES[word] for word in own if word in _BASES), None)
    if basis is None and own[:1] == ["gross"] and told & {"price", "unit"}:
        basis = "gross"
    if basis is None and told & _TAX_WORDS:
        basis = "gross" if told & _WITH else "net" if told & _WITHOUT else None
    if basis is None:
        return None, tuple(own)
    beside = _TAX_WORDS | _WITH | _WITHOUT | _BASES.keys() | {"gross"}
    return basis, tuple(word for word in own if word not in beside)


def name_score(own: Sequence[str], names: Sequence[str]) -> float:
    """How well a heading's words fit the names of a field: 1 the same words, less for more or fewer."""
    own = tuple(own)
    if not own:
        return 0.0
    joined = "".join(own)
    best = 0.0
    for position, name in enumerate(names):
        other = tuple(name.split())
        if own == other or joined == name.replace(" ", ""):
            return 1.0 - 0.0002 * position
        shared = set(own) & set(other)
        if shared - _FILLER:
            best = max(best, 0.8 * len(shared) / len(set(own) | set(other)))
    return best


def propose(file: str, contents: Mapping[str, Content], *, target: str | None = None) -> Layout:
    """The layout that explains the columns best. contents : column to what was seen in it.

    Raises LayoutError, of which two say more: NoHeadingsError where no column has a name of its own, and
    UnfitColumnError, as orders of which a column can't be read are no stock list.
    """
    layouts = {t.table: _assign(t, contents) for t in TARGETS.values() if target in (None, t.table)}
    if target is None and layouts["order_line"].score <= 0:
        _require_fit(file, contents)
    complete = {id_: layout for id_, layout in layouts.items() if layout.score > 0}
    if not complete:
        wanted = TARGETS[target or "order_line"]
        found = layouts[wanted.table].matches
        lacking = [group for group in wanted.required if not any(id_ in found for id_ in group)]
        labels = ", ".join(" / ".join(wanted.field(id_).label for id_ in group) for group in lacking)
        if all(column == unnamed(place) for place, column in enumerate(contents, start=1)):
            raise errors.NoHeadingsError(file=file, missing=labels, columns=len(contents))
        raise errors.LayoutError(file=file, missing=labels)
    return max(complete.values(), key=_fit)


def _require_fit(file: str, contents: Mapping[str, Content]) -> None:
    """Refuses a file whose headings name all that an order needs, where the content of one says otherwise.

    Raises UnfitColumnError.
    """
    orders = TARGETS["order_line"]
    named = [
        [(orders.field(id_), column) for id_ in group for column in contents if _is_named(orders.field(id_), column)]
        for group in orders.required
    ]
    if not all(named):
        return
    for group in named:
        if not any(_content_fit(wanted, contents[column]) for wanted, column in group):
            wanted, column = group[0]
            value = next(iter(contents[column].samples), "")
            raise errors.UnfitColumnError(file=file, column=column, field=wanted.label, value=value[:40])


def _is_named(wanted: Field, column: str) -> bool:
    return name_score(words(column), wanted.names) >= 0.9


def _fit(layout: Layout) -> float:
    """How much of a file a layout explains; order lines before all else, since every other file is a part of one."""
    target = TARGETS[layout.target]
    told = sum(layout.matches[id_].score for id_ in target.telling if id_ in layout.matches)
    told = min(1.0, told / 4) if target.is_strict else told / len(target.telling)
    return layout.score + told + 0.1 * sum(m.score for m in layout.matches.values())


def _assign(target: Target, contents: Mapping[str, Content]) -> Layout:
    """Each field its best column and each column one field, surest pairs first."""
    pairs = sorted(
        (
            (-score, order, place, wanted.id, column, reason)
            for order, wanted in enumerate(target.fields)
            for place, (column, content) in enumerate(contents.items())
            for score, reason in [_pair(target, wanted, column, content)]
            if score >= 0.3
        ),
    )
    matches: dict[str, Match] = {}
    taken: set[str] = set()
    for score, _, _, id_, column, reason in pairs:
        if id_ not in matches and column not in taken:
            matches[id_] = Match(column, -score, reason)
            taken.add(column)
    ordered = {f.id: matches[f.id] for f in target.fields if f.id in matches}
    return Layout(target.table, ordered)


def _pair(target: Target, wanted: Field, column: str, content: Content) -> tuple[float, str]:
    fit = _content_fit(wanted, content)
    if wanted.type == Type.STAMP and "timestamp" in words(column) and content.integers > 0.9:
        fit = 1.0  # seconds since 1970, or thousands or millions of them
    own = words(column)
    if wanted.type == Type.CURRENCY and content.numbers < 0.5 and name_score(own, wanted.names) >= 0.9:
        fit = max(fit, 0.3)  # what no currency is called waits in quarantine, rather than pass for the shop's
    if fit == 0.0:
        return 0.0, "content"
    if target.table == "order_line":
        basis, bare = tax_basis(column)
        if wanted.id in ("unit_price", "amount", "gross_price", "gross_amount"):
            if (basis == "gross") != wanted.id.startswith("gross"):
                return 0.0, "name"
            own = bare
        if wanted.id in _RATE_OF and holds_rates(wanted.id, column, content):
            return 0.0, "content"
        if (amount := next((a for a, rate in _RATE_OF.items() if rate == wanted.id), None)) is not None:
            names = target.field(amount).names
            if name_score(own, names) >= 0.9 and holds_rates(amount, column, content):
                return name_score(own, names), "content"
    name = name_score(own, wanted.names)
    if name >= 0.9:
        return name * (0.7 + 0.3 * fit), "name"
    guess = _guess(wanted, content)
    if guess > name:
        return guess, "content"
    if wanted.id in _EXACT:
        return 0.0, "similar_name"
    return name * (0.5 + 0.5 * fit), "similar_name"


def holds_rates(id_: str, column: str, content: Content) -> bool:
    """Whether a column that is called a discount or a tax holds rates rather than amounts, by what stands in it."""
    if content.percents > 0.5:
        return True
    values = [_plain(text) for text in content.few]
    if not values or not all(value.is_finite() for value in values) or not any(values):
        return False
    named = heading_rate(column)
    if named is not None:
        return all(value in (0, named, named * 100) for value in values)
    if all(0 <= value < 1 for value in values):
        return True
    low, high = _TAX_RATES
    return id_ == "tax" and all(value == 0 or low <= value <= high for value in values)


def _plain(text: str) -> Decimal:
    try:
        return Decimal(text.strip("% ").replace(",", "."))
    except ArithmeticError:
        return Decimal("NaN")


def _content_fit(wanted: Field, content: Content) -> float:
    """Whether the values can be what the field wants: 0 rules the column out; an empty column rules nothing out."""
    if not content.filled:
        return 0.5
    match wanted.type:
        case Type.STAMP:
            return content.stamps if content.stamps > 0.5 else 0.0
        case Type.NUMBER:
            return content.numbers if content.numbers > 0.5 and content.stamps < 0.9 else 0.0
        case Type.RATE:
            likely = max(content.numbers, content.percents)
            return likely if likely > 0.5 and content.stamps < 0.9 else 0.0
        case Type.INTEGER:
            return content.integers if content.integers > 0.5 else 0.0
        case Type.FLAG:
            return 1.0 if content.stamps < 0.5 and content.decimals < 0.2 else 0.0
        case Type.COUNTRY:
            return max(content.countries, 0.3) if content.numbers < 0.5 else 0.0
        case Type.CURRENCY:
            return content.currencies if content.currencies > 0.3 else 0.0
        case Type.EMAIL:
            return content.emails if content.emails > 0.3 else 0.0
        case Type.PHONE:
            return 0.8
        case Type.TEXT:
            return 0.0 if content.emails > 0.5 or content.stamps > 0.9 else 1.0 if content.numbers < 0.9 else 0.3
        case Type.CODE:
            return 0.0 if content.stamps > 0.9 and content.numbers < 0.5 else 0.3 if content.decimals > 0.2 else 1.0


def _guess(wanted: Field, content: Content) -> float:
    """What the content alone says, when the heading says nothing."""
    if not content.filled:
        return 0.0
    match wanted.id:
        case "at":
            return 0.55 * content.stamps
        case "email":
            return 0.7 * content.emails
        case "country":
            return 0.6 * content.countries if content.countries > 0.8 and content.currencies < 0.8 else 0.0
        case "currency":
            return 0.65 * content.currencies if content.currencies > 0.8 else 0.0
        case "unit_price":
            return 0.4 * content.decimals if content.decimals > 0.2 else 0.0
        case "quantity":
            return 0.35 if content.integers > 0.9 and content.is_small and not content.is_code else 0.0
        case "order_id":
            return 0.36 if content.is_code and content.repeats and content.is_ordered else 0.0
        case "product_code":
            return 0.34 if content.is_code and content.repeats and not content.is_ordered else 0.0
    return 0.0


def require(file: str, layout: Layout) -> None:
    """Raises LayoutError if a required field has no column."""
    target = TARGETS[layout.target]
    lacking = [group for group in target.required if not any(id_ in layout.matches for id_ in group)]
    if lacking:
        labels = ", ".join(" / ".join(target.field(id_).label for id_ in group) for group in lacking)
        raise errors.LayoutError(file=file, missing=labels)
