// What the pages do beyond links and forms: times in the reader's zone, the keyboard, and news of the host.
(() => {
  "use strict";
  const body = document.body;
  const $ = (selector, within = document) => within.querySelector(selector);
  const $$ = (selector, within = document) => [...within.querySelectorAll(selector)];
  const language = document.documentElement.lang;

  // Times: the distance from now, and the exact moment in the reader's zone.
  const exact = new Intl.DateTimeFormat(language, { dateStyle: "medium", timeStyle: "long" });
  const number = new Intl.NumberFormat(language);
  const unit = language === "fr" ? "\u202f" : " ";
  const span = (ms) => {
    const steps = [[86400000, body.dataset.day], [3600000, "h"], [60000, "min"], [1000, "s"]];
    const [size, name] = steps.find(([size]) => ms >= size) ?? [1, "ms"];
    return number.format(Math.floor(ms / size)) + unit + name;
  };
  const showTimes = (within = document) => {
    for (const time of $$("time[datetime]", within)) {
      const at = Date.parse(time.dateTime);
      if (!time.dataset.zoned) {
        time.dataset.zoned = "1";
        time.dataset.exact = time.title = exact.format(at);
      }
      const past = Date.now() - at;
      const text = Math.abs(past) < 1000 ? body.dataset.now
        : (past > 0 ? body.dataset.ago : body.dataset.ahead).replace("{}", span(Math.abs(past)));
      if (time.textContent !== text) time.textContent = text;
    }
  };
  showTimes();
  setInterval(() => { if (!document.hidden) showTimes(); }, 15000);

  // The keyboard.
  const rows = () => $$("[data-rows] a.row");
  const move = (step) => {
    const all = rows();
    if (!all.length) return;
    const at = all.indexOf(document.activeElement);
    const next = all[at < 0 ? (step > 0 ? 0 : all.length - 1) : Math.min(Math.max(at + step, 0), all.length - 1)];
    next.focus();
    next.scrollIntoView({ block: "nearest" });
  };
  const keys = $("#keys");
  let awaitsPlace = 0;
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.isComposing) return;
    if (event.target.closest("input, textarea, select, [contenteditable]")) {
      if (event.key === "Escape") event.target.blur();
      return;
    }
    if ($("dialog[open]")) return;
    if (awaitsPlace && Date.now() - awaitsPlace < 1500) {
      awaitsPlace = 0;
      const link = $$("nav a[data-key]").find((link) => link.dataset.key === event.key);
      if (link) { event.preventDefault(); link.click(); return; }
    }
    const act = {
      "/": () => $("[data-search]") && ($("[data-search]").focus(), $("[data-search]").select()),
      j: () => move(1),
      k: () => move(-1),
      g: () => { awaitsPlace = Date.now(); },
      r: () => { const run = $("[data-run]"); if (run) { run.closest("details")?.setAttribute("open", ""); run.focus(); } },
      "?": () => keys?.showModal(),
    }[event.key];
    if (act) { event.preventDefault(); act(); }
  });

  // What a page answers is read aloud, and what may be taken back for a while goes after it.
  const showAnswer = () => {
    const answer = $("[data-say]");
    if (answer) $("#say").textContent = answer.querySelector("span").textContent;
    for (const button of $$("[data-left]")) {
      setTimeout(() => { button.hidden = true; }, Number(button.dataset.left));
      delete button.dataset.left;
    }
  };
  showAnswer();

  // An error is shown in the place of the page's content.
  let acted = { at: 0 };
  document.addEventListener("htmx:after:request", (event) => {
    const { ctx } = event.detail;
    // The value of a switch is what to do, the plugin, and the types.
    const plugin = ctx.sourceEvent?.submitter?.name === "switch" && ctx.sourceEvent.submitter.value.split(" ")[1];
    if (plugin) acted = { at: Date.now(), plugin };
    if (ctx.response.status >= 400) Object.assign(ctx, { target: $("main"), select: "main", swap: "outerHTML" });
  });

  // A chosen filter is in force at once.
  document.addEventListener("change", (event) => {
    if (event.target.matches("select[data-submit]")) event.target.form.requestSubmit();
  });

  // Filters that are not set are not in the address.
  document.addEventListener("formdata", (event) => {
    if (!event.target.matches("form.filters")) return;
    for (const [name, value] of [...event.formData]) if (value === "") event.formData.delete(name);
  });

  // Copying a text that stands on the page. Without HTTPS browsers have no clipboard for pages: the text is selected.
  document.addEventListener("click", async (event) => {
    const button = event.target.closest("button[data-copy]");
    if (!button) return;
    const source = document.getElementById(button.dataset.copy);
    if (!source || button.dataset.label) return;
    let done = body.dataset.copied;
    try {
      await navigator.clipboard.writeText(source.textContent);
    } catch {
      getSelection().selectAllChildren(source);
      done = body.dataset.selected;
    }
    button.dataset.label = button.textContent;
    button.textContent = $("#say").textContent = done;
    setTimeout(() => {
      button.textContent = button.dataset.label;
      delete button.dataset.label;
    }, 1500);
  });

  // Finding in a text: its lines are made elements when a reader first types, and those that match are marked.
  const divide = (text) => {
    const lines = document.createDocumentFragment();
    let line = null;
    const begin = () => {
      line = lines.appendChild(document.createElement("span"));
      line.className = "line";
    };
    begin();
    for (const node of [...text.childNodes]) {
      if (node.nodeType !== Node.TEXT_NODE) { line.append(node); continue; }
      for (const part of node.data.match(/[^\n]*\n|[^\n]+/g) ?? []) {
        line.append(part);
        if (part.endsWith("\n")) begin();
      }
    }
    text.replaceChildren(lines);
  };
  document.addEventListener("input", ({ target }) => {
    if (!target.matches("input[data-find]")) return;
    const text = document.getElementById(target.dataset.find);
    if (!$(".line", text)) divide(text);
    const wanted = target.value.trim().toLowerCase();
    let found = 0;
    for (const line of $$(".line", text)) {
      line.classList.remove("current");
      const matches = wanted !== "" && line.textContent.toLowerCase().includes(wanted);
      line.classList.toggle("match", matches);
      if (matches) found += 1;
    }
    const { none, one, many } = target.dataset;
    const count = found === 0 ? none : (found === 1 ? one : many).replace("{}", number.format(found));
    document.getElementById(target.getAttribute("aria-describedby")).textContent = wanted === "" ? "" : count;
  });
  document.addEventListener("keydown", (event) => {
    if (event.key !== "Enter" || event.isComposing || !event.target.matches("input[data-find]")) return;
    event.preventDefault();
    const all = $$(".line.match", document.getElementById(event.target.dataset.find));
    if (!all.length) return;
    const next = all[(all.findIndex((line) => line.matches(".current")) + 1) % all.length];
    for (const line of all) line.classList.toggle("current", line === next);
    next.scrollIntoView({ block: "nearest" });
  });

  // News: counted behind a link, and shown when it is followed. A hidden page follows nothing, so that many open ones
  // cost nothing and do not use up the browser's connections.
  const offline = $("#offline");
  let stream = null, count = 0, failures = 0;
  // Whether the page shows all until the stream begins. A page that was hidden, or that waited for the host, may not.
  let isFresh = !document.hidden;
  // Where the last stream ended, so that the next one begins with what was missed.
  let last = "";
  // Whether changes were missed, so that their number is not known.
  let isCountUnknown = false;
  const news = () => $(".news[data-kinds]");
  const concerns = (change, link) => {
    const { kinds, source, type, event, plugin } = link.dataset;
    return kinds.split(",").includes(change.kind)
      && (!source || change.source === source)
      && (!type || change.type === type)
      && (!plugin || change.plugin === plugin)
      && (!event || change.id?.startsWith(`${event}-`));
  };
  const announce = (changes) => {
    const link = news();
    if (!link) return;
    // What the reader just did is on the page already.
    const isOwn = (change) => change.kind === "plugin" && change.plugin === acted.plugin && Date.now() - acted.at < 4000;
    const found = changes.filter((change) => concerns(change, link) && !isOwn(change));
    if (!found.length) return;
    count += found.reduce((sum, change) => sum + (change.count ?? 1), 0);
    const { one, many } = link.dataset;
    if (one && !isCountUnknown) link.textContent = (count === 1 ? one : many).replace("{}", number.format(count));
    link.hidden = false;
  };
  // The stream begins anew: anything may have changed since the last one.
  const announceReset = ({ lastEventId }) => {
    last = lastEventId;
    const link = news();
    if (isFresh || !link) {
      isFresh = false;
      return;
    }
    isCountUnknown = true;
    if (link.dataset.one) link.textContent = body.dataset.changed;
    link.hidden = false;
  };
  // A session that has ended has no news: the log-in is next. Other reasons may pass.
  const address = () => `${body.dataset.live}?types=${news().dataset.kinds}${last && `&last=${encodeURIComponent(last)}`}`;
  const tryAgain = async (wait) => {
    const ended = await fetch(address(), { headers: { accept: "text/event-stream" } })
      .then((answer) => { answer.body?.cancel(); return answer.status === 401; }, () => false);
    if (ended) location.assign(`/login?next=${encodeURIComponent(location.pathname + location.search)}`);
    else setTimeout(follow, wait);
  };
  const follow = () => {
    if (!body.dataset.live || !news() || stream || document.hidden) return;
    stream = new EventSource(address());
    stream.addEventListener("open", () => { failures = 0; offline.hidden = true; });
    stream.addEventListener("changes", (event) => { last = event.lastEventId; announce(JSON.parse(event.data).changes); });
    stream.addEventListener("reset", announceReset);
    stream.addEventListener("end", () => { stream?.close(); stream = null; tryAgain(5000); });
    stream.addEventListener("error", () => {
      failures += 1;
      isFresh = false;
      offline.hidden = failures < 3;
      // The browser tries again by itself, unless the host refused.
      if (stream?.readyState === EventSource.CLOSED) { stream = null; last = ""; tryAgain(Math.min(60000, 5000 * failures)); }
    });
  };
  const unfollow = () => { stream?.close(); stream = null; isFresh = false; };
  document.addEventListener("visibilitychange", () => (document.hidden ? unfollow() : (showTimes(), follow())));
  addEventListener("pagehide", unfollow);
  addEventListener("pageshow", follow);
  document.addEventListener("htmx:after:swap", () => { count = 0; isCountUnknown = false; showTimes(); showAnswer(); follow(); });
  follow();
  // Tests wait for it.
  document.documentElement.dataset.ready = "";
})();
