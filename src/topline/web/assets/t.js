// Topline's tracking script: page views by itself, and topline("add_to_cart", {product_key: "A1"}) for the rest.
// Nothing is kept in the browser before topline("consent", true); with Do Not Track or Global Privacy Control, nothing is sent.
const script = document.currentScript;
const nav = navigator;
const store = "topline";
const waiting = (window.topline && window.topline.q) || [];
const silent = nav.doNotTrack === "1" || window.doNotTrack === "1" || nav.globalPrivacyControl === true;
const address = new URL(script.src).origin + "/t/" + script.dataset.shop;
const random = () => Date.now().toString(36) + Array.from(crypto.getRandomValues(new Uint8Array(9)), (n) => n.toString(36)).join("");
let visitor = null;
let customer = null;
let page = null;

function consent(given) {
  try {
    visitor = given ? localStorage.getItem(store) || random() : null;
    given ? localStorage.setItem(store, visitor) : localStorage.removeItem(store);
  } catch {
    visitor = null;
  }
  if (!given) customer = null;
}

function send(event, details) {
  const text = JSON.stringify({
    k: random(),
    e: event,
    u: location.href,
    r: document.referrer,
    v: visitor,
    c: visitor && customer,
    m: script.dataset.market,
    d: details,
  });
  if (!(nav.sendBeacon && nav.sendBeacon(address, text))) {
    fetch(address, { method: "POST", body: text, keepalive: true, mode: "no-cors" }).catch(() => {});
  }
}

function view() {
  if (page !== location.href) {
    page = location.href;
    send("page_view");
  }
}

function topline(what, more) {
  if (silent) return;
  if (what === "consent") consent(more);
  else if (what === "customer") customer = more;
  else if (what === "page_view") send(what);
  else send(what, more);
}

window.topline = topline;
if (!silent) {
  try {
    if (script.dataset.consent === "given") consent(true);
    else visitor = localStorage.getItem(store);
  } catch {
    visitor = null;
  }
  const { pushState } = history;
  history.pushState = function (...args) {
    pushState.apply(this, args);
    view();
  };
  addEventListener("popstate", view);
  for (const args of waiting) if (args[0] === "consent" || args[0] === "customer") topline(...args);
  view();
  for (const args of waiting) if (args[0] !== "consent" && args[0] !== "customer") topline(...args);
}
