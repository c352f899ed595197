/* What a page does by itself. Everything here is told by attributes, so that pages need no script of their own:
   sse-connect="PATH", sse-swap="NAME,…"   events of the server take the place of what is in an element; a form in it that
                                           somebody types in is left alone until they leave it, and what somebody presses
                                           until they let go; not while nobody sees the page
   data-hears                              beside sse-connect: events come though nobody sees the page, in one tab of a browser
   hx-trigger="sse:NAME"                   an element asks again when such an event comes
   data-until, data-since="EPOCH"          seconds that count down or up
   data-opens="ID", data-closes            open and close a <dialog>
   data-confirm="TEXT"                     a button asks first
   data-checks="NAME"                      a box that checks all boxes of that name
   data-plays="ID"                         a choice of recordings: those of what is chosen can be played in that element
   data-sends                              a field that sends its form when it is changed
   data-keep="no"                          a form of which nothing is kept over a reload
   Nothing typed is lost: what stands in forms is kept in this tab until it was taken. */
"use strict";
(() => {
  const body = () => document.body;
  const skew = () => Number(body().dataset.now || Date.now() / 1000) - loaded / 1000;
  const loaded = Date.now();
  const box = () => document.getElementById("connection");

  // What is typed

  const KEPT = "typed ", SENT = "sent", HOURS = 12;
  const fits = (form) => form && form.method === "post" && form.dataset.keep !== "no";
  const place = (form) => KEPT + [body().dataset.user, location.pathname, form.id, form.getAttribute("action")].join(" ");
  const plain = (field) => field.name && field.name !== "csrf" && !["password", "file", "hidden", "submit", "button"].includes(field.type);
  const same = (one, other) => JSON.stringify(one) === JSON.stringify(other);

  /* What can be typed into a form, by a key that stays the same when other fields come and go: how it is read, how it was
     when the page came, how it is set. Radios of a name are one thing. */
  function parts(form) {
    const found = new Map(), seen = {};
    for (const field of form.elements) {
      if (!plain(field)) continue;
      if (field.type === "radio") {
        const all = [...form.elements].filter((one) => one.type === "radio" && one.name === field.name);
        const chosen = (what) => (all.find((one) => one[what]) || {}).value ?? null;
        found.set(`radio ${field.name}`, {fields: all, now: chosen("checked"), before: chosen("defaultChecked"),
          set: (value) => { for (const one of all) if (one.value === value) one.checked = true; }});
      } else if (field.type === "checkbox") {
        found.set(`box ${field.name} ${field.value}`, {fields: [field], now: field.checked, before: field.defaultChecked,
          set: (value) => { field.checked = value; }});
      } else if (field.tagName === "SELECT") {
        const chosen = (what) => [...field.options].filter((one) => one[what]).map((one) => one.value);
        const usual = field.multiple || chosen("defaultSelected").length ? chosen("defaultSelected") : [...field.options].slice(0, 1).map((one) => one.value);
        found.set(`choice ${field.name} ${seen[field.name] = (seen[field.name] || 0) + 1}`, {fields: [field], now: chosen("selected"), before: usual,
          set: (value) => { for (const one of field.options) one.selected = value.includes(one.value); }});
      } else {
        found.set(`text ${field.name} ${seen[field.name] = (seen[field.name] || 0) + 1}`, {fields: [field], now: field.value, before: field.defaultValue,
          set: (value) => { field.value = value; }});
      }
    }
    return found;
  }

  const changes = (form) => [...parts(form)].filter(([, one]) => !same(one.now, one.before));

  function keep(form) {
    const typed = changes(form).map(([key, one]) => [key, one.now]);
    try {
      if (!typed.length) return sessionStorage.removeItem(place(form));
      sessionStorage.setItem(place(form), JSON.stringify({at: Date.now(), typed}));
    } catch { /* a browser that keeps nothing */ }
  }

  function give(form) {
    let kept;
    try { kept = JSON.parse(sessionStorage.getItem(place(form))); } catch { return; }
    if (!kept?.typed || Date.now() - kept.at > HOURS * 3600e3) return;
    const all = parts(form);
    let changed = false;
    for (const [key, typed] of kept.typed) {
      const one = all.get(key);
      if (!one || same(one.now, typed)) continue;
      one.set(typed);
      changed = true;
      for (const field of one.fields) {
        field.dispatchEvent(new Event("input", {bubbles: true}));
        field.dispatchEvent(new Event("change", {bubbles: true}));
      }
    }
    if (!changed) return;
    const note = document.createElement("p"), drop = document.createElement("button");
    note.className = "flash flash-warn restored";
    note.setAttribute("role", "status");
    note.textContent = box().dataset.restored;
    drop.type = "button";
    drop.className = "button small";
    drop.textContent = box().dataset.discard;
    drop.addEventListener("click", () => { forget(place(form)); form.reset(); note.remove(); });
    note.append(drop);
    form.before(note);
  }

  function forget(key) {
    try { sessionStorage.removeItem(key); } catch { /* nothing was kept */ }
  }

  const dirty = () => [...document.forms].some((form) => fits(form) && changes(form).length);

  // The connection

  let lost = false, away = false, run = null, title = null, looks = null;

  function say(text, good) {
    box().textContent = text;
    box().classList.toggle("is-back", Boolean(good));
    box().hidden = !text;
  }

  function back() {
    if (!dirty() && !document.querySelector("dialog[open]")) return location.reload();
    say(box().dataset.back, true);
    setTimeout(() => lost || away || say(""), 4000);
  }

  async function look() {
    looks = null;
    if (others) follow(document);  // a tab that ended may have had no time to say so
    const gone = lost || away;
    try {
      const answer = await fetch("/alive", {cache: "no-store", signal: AbortSignal.timeout(8000)});
      if (!answer.ok) throw new Error(answer.status);
      const said = await answer.json();
      lost = false;
      away = !said.node;
      const again = run !== null && said.run !== run;
      run = said.run;
      count(said.unattended);
      if (away) say(box().dataset.away);
      else if (gone || document.querySelector("[data-again]")) back();
      else if (again && box().dataset.seen) back();
    } catch {
      if (!leaving) {
        lost = true;
        say(box().dataset.lost);
      }
    }
    looks = setTimeout(look, lost || away ? 1000 : document.hidden ? 15000 : 4000);
  }

  function count(number) {
    if (title === null) title = document.title;
    document.title = number ? `(${number}) ${title}` : title;
  }

  let leaving = false;
  addEventListener("pagehide", () => { leaving = true; for (const element of [...sources.keys()]) shut(element, true); });
  addEventListener("pageshow", (event) => { leaving = false; if (event.persisted) follow(document); });

  /* Events of the server. A browser has six connections to one server for all its tabs together, and each stream takes
     one: what nobody sees gives its own back. A stream begins with how things stand, so nothing is missed. */

  const sources = new Map(), rank = crypto.getRandomValues(new Uint32Array(1))[0];
  let others = null;

  const path = (element) => element.getAttribute("sse-connect");
  const unseen = (element) => others && document.hidden && element.matches("[data-hears]");

  function follow(root) {
    for (const element of [...sources.keys()]) if (!element.isConnected) shut(element);
    for (const element of [...(root.matches?.("[sse-connect]") ? [root] : []), ...root.querySelectorAll("[sse-connect]")]) {
      if (sources.has(element) || leaving || (document.hidden && !unseen(element))) continue;
      listen(element);
      if (unseen(element)) others.postMessage([path(element), rank]);
    }
  }

  function shut(element, over) {
    sources.get(element).close();
    sources.delete(element);
    if (over && element.matches("[data-hears]")) others?.postMessage([path(element), null]);
  }

  // Of hidden tabs with the same stream the one of the highest rank goes on; when it is closed they find out anew.
  function agree([of, theirs]) {
    if (!document.hidden) return;
    if (theirs === null) return follow(document);
    for (const element of [...sources.keys()]) {
      if (path(element) !== of) continue;
      if (theirs > rank) shut(element);
      else others.postMessage([of, rank]);
    }
  }

  document.addEventListener("visibilitychange", () => {
    if (document.hidden) {
      for (const element of [...sources.keys()]) {
        if (unseen(element)) others.postMessage([path(element), rank]);
        else shut(element);
      }
      return;
    }
    follow(document);
    if (looks !== null) { clearTimeout(looks); look(); }
  });

  function listen(element) {
    const source = new EventSource(path(element));
    sources.set(element, source);
    const names = new Set();
    const all = (what) => [...(element.matches(what) ? [element] : []), ...element.querySelectorAll(what)];
    for (const one of all("[sse-swap]")) for (const name of one.getAttribute("sse-swap").split(",")) names.add(name.trim());
    for (const one of all("[hx-trigger*='sse:']")) for (const [, name] of one.getAttribute("hx-trigger").matchAll(/sse:([\w.-]+)/g)) names.add(name);
    for (const name of names) {
      source.addEventListener(name, (event) => {
        for (const one of all("[sse-swap]")) if (one.getAttribute("sse-swap").split(",").map((part) => part.trim()).includes(name)) put(one, event.data);
        for (const one of all(`[hx-trigger*='sse:${name}']`)) one.dispatchEvent(new CustomEvent(`sse:${name}`));
      });
    }
    source.addEventListener("error", () => {
      if (source.readyState !== EventSource.CLOSED || sources.get(element) !== source) return;
      sources.delete(element);
      setTimeout(() => follow(document), 3000);
    });
  }

  const waiting = new Map();

  function put(element, text) {
    const typing = document.activeElement?.closest("input:not([type=checkbox]), textarea, select, dialog");
    if ((typing && element.contains(typing)) || (pressed && element.contains(pressed)) || element.querySelector("dialog[open], details[open]:focus-within")) {
      waiting.set(element, text);
      return;
    }
    waiting.delete(element);
    const focused = element.contains(document.activeElement) && document.activeElement.id;
    element.innerHTML = text;
    window.htmx?.process(element);
    if (focused) document.getElementById(focused)?.focus();
    tick();
    widths();
  }

  const settle = () => { for (const [element, text] of [...waiting]) put(element, text); };
  document.addEventListener("focusout", () => setTimeout(settle, 0));
  document.addEventListener("close", settle, true);

  /* A button that is drawn anew between press and release gets no click. The click of a finger comes a moment after its
     release; a release that nobody tells us of (outside the window, in a menu) is seen by the next movement. */
  const CLICKED = 100;
  let pressed = null, releasing = null;

  function press(event) {
    clearTimeout(releasing);
    pressed = event.target;
  }

  function release() {
    if (!pressed) return;
    clearTimeout(releasing);
    releasing = setTimeout(() => { pressed = null; settle(); }, CLICKED);
  }

  addEventListener("pointerdown", (event) => { if (event.isPrimary && event.button === 0) press(event); }, true);
  addEventListener("pointermove", (event) => { if (!event.buttons) release(); }, true);
  addEventListener("keydown", (event) => { if (event.key === " ") press(event); }, true);
  for (const name of ["pointerup", "pointercancel", "contextmenu", "keyup"]) addEventListener(name, release, true);
  addEventListener("blur", release);

  // What is wider than its place is scrolled by the keyboard too

  function widths() {
    for (const one of document.querySelectorAll(".scroll")) {
      if (one.scrollWidth > one.clientWidth) one.tabIndex = 0;
      else one.removeAttribute("tabindex");
    }
  }

  addEventListener("resize", widths);

  // Seconds that count

  const clock = (seconds) => {
    const whole = Math.max(0, Math.round(seconds)), hours = Math.floor(whole / 3600), two = (number) => String(number).padStart(2, "0");
    return hours ? `${hours}:${two(Math.floor(whole / 60) % 60)}:${two(whole % 60)}` : `${Math.floor(whole / 60)}:${two(whole % 60)}`;
  };

  function tick() {
    const now = Date.now() / 1000 + skew();
    for (const one of document.querySelectorAll("[data-until]")) one.textContent = clock(Number(one.dataset.until) - now);
    for (const one of document.querySelectorAll("[data-since]")) one.textContent = clock(now - Number(one.dataset.since));
  }

  // What is clicked

  document.addEventListener("click", (event) => {
    const opens = event.target.closest("[data-opens]"), closes = event.target.closest("[data-closes]");
    if (opens) document.getElementById(opens.dataset.opens)?.showModal();
    if (closes) closes.closest("dialog")?.close();
    const menu = event.target.closest("details.who, details.columns");
    for (const one of document.querySelectorAll("details.who[open], details.columns[open]")) if (one !== menu) one.open = false;
  });
  document.addEventListener("keydown", (event) => {
    const open = event.key === "Escape" && document.querySelector("details.who[open], details.columns[open]");
    if (open) { open.open = false; open.querySelector("summary").focus(); }
  });
  document.addEventListener("input", (event) => { if (fits(event.target.form)) keep(event.target.form); });
  document.addEventListener("change", (event) => {
    const field = event.target;
    if (fits(field.form)) keep(field.form);
    if (field.matches("[data-checks]")) {
      for (const one of (field.form || document).querySelectorAll(`input[type=checkbox][name="${CSS.escape(field.dataset.checks)}"]`)) one.checked = field.checked;
    }
    if (field.matches("[data-plays]")) sound(field);
    if (field.matches("[data-sends]")) field.form.requestSubmit();
  });
  function sound(field) {
    const paths = (field.selectedOptions[0]?.dataset.sounds || "").split(" ").filter(Boolean);
    [...document.getElementById(field.dataset.plays).children].forEach((one, number) => {
      const player = one.querySelector("audio");
      one.hidden = !paths[number];
      if (paths[number]) player.src = paths[number];
      else { player.pause(); player.removeAttribute("src"); }
    });
  }

  const sending = new WeakSet(), AGAIN = 3000;  // a double click sends once
  addEventListener("pageshow", () => { for (const form of document.forms) sending.delete(form); });
  document.addEventListener("submit", (event) => {
    const form = event.target, ask = event.submitter?.dataset.confirm || form.dataset.confirm;
    if (lost) {
      event.preventDefault();
      say(box().dataset.unsent);
      return;
    }
    if (ask && !confirm(ask)) {
      event.preventDefault();
      return;
    }
    if (form.method === "post") {
      if (sending.has(form)) {
        event.preventDefault();
        event.stopImmediatePropagation();
        return;
      }
      sending.add(form);
      setTimeout(() => sending.delete(form), AGAIN);
    }
    if (form.getAttribute("action") === "/logout") {
      try { sessionStorage.clear(); } catch { /* nothing was kept */ }
    }
    if (fits(form)) {
      keep(form);
      try { sessionStorage.setItem(SENT, place(form)); } catch { /* a browser that keeps nothing */ }
    }
  }, true);
  document.addEventListener("htmx:afterRequest", (event) => {
    const form = event.target.closest?.("form");
    if (form) sending.delete(form);
    if (event.detail.successful && fits(form) && event.detail.requestConfig?.verb !== "get") forget(place(form));
  });
  document.addEventListener("htmx:load", (event) => { if (event.target.querySelectorAll) { follow(event.target); tick(); widths(); } });

  // The page is here

  function start() {
    try {
      if (document.querySelector(".flash-good") && sessionStorage.getItem(SENT)) {
        forget(sessionStorage.getItem(SENT));
        forget(SENT);
      }
    } catch { /* a browser that keeps nothing */ }
    // What answers a form that was sent shows by itself what was typed.
    if (body().dataset.sent !== "yes") for (const form of document.forms) if (fits(form)) give(form);
    for (const one of document.querySelectorAll("[data-opened]")) one.showModal();
    if (window.BroadcastChannel && document.querySelector("[data-hears]")) {
      others = new BroadcastChannel("streams");
      others.addEventListener("message", (event) => agree(event.data));
    }
    follow(document);
    tick();
    widths();
    setInterval(tick, 1000);
    looks = setTimeout(look, document.querySelector("[data-again]") ? 1000 : 2500);
  }

  if (document.readyState === "loading") document.addEventListener("DOMContentLoaded", start);
  else start();
})();
