// All pages: the language, the cards of spans, the filters of an article, and the lists of a corpus.
// Texts reach the page as text nodes only; the one exception are the articles that a page carries whole, which were
// escaped when the page was made.
"use strict";
(() => {
  const root = document.documentElement;
  const all = (selector, from = document) => [...from.querySelectorAll(selector)];
  const one = (selector, from = document) => from.querySelector(selector);
  const read = (element) => (element ? JSON.parse(element.textContent) : null);
  const unpack = async (element) => {
    const bytes = Uint8Array.from(atob(element.textContent), (character) => character.charCodeAt(0));
    return new Response(new Blob([bytes]).stream().pipeThrough(new DecompressionStream("deflate"))).json();
  };
  const say = (en, zh) => (root.dataset.ui === "en" ? en : zh);
  const named = (label) => say(label.english, label.chinese);
  const make = (tag, options = {}, ...children) => {
    const element = document.createElement(tag);
    for (const [name, value] of Object.entries(options)) {
      if (value !== null && value !== undefined) element.setAttribute(name, value);
    }
    element.append(...children.filter((child) => child !== null));
    return element;
  };
  const remember = (name, value) => {
    try {
      if (value !== undefined) localStorage.setItem(name, value);
      return localStorage.getItem(name);
    } catch {
      return null; // a browser may forbid pages from disk to remember
    }
  };
  const labels = read(one("#labels"));
  const SIGNS = { favor: "▲", against: "▼", neutral: "·" };

  // --- language ---

  const onLanguage = [];
  const setLanguage = (language) => {
    root.dataset.ui = root.lang = language;
    for (const element of all("[data-say]")) {
      const text = element.dataset[language];
      if (element.dataset.say === "text") element.textContent = text;
      else element.setAttribute(element.dataset.say, text);
    }
    onLanguage.forEach((render) => render());
  };
  one(".language").addEventListener("click", () => {
    setLanguage(say("zh", "en"));
    remember("stance-language", root.dataset.ui);
  });

  // --- the card of a span or of a block in a ribbon ---

  const card = one("#card");
  let pinned = null;
  const place = (element) => {
    const box = element.getClientRects()[0] ?? element.getBoundingClientRect();
    const width = root.clientWidth;
    card.hidden = false;
    const left = Math.max(8, Math.min(box.left, width - card.offsetWidth - 8));
    const below = box.bottom + 10 + card.offsetHeight < innerHeight || box.top < card.offsetHeight + 14;
    card.style.left = `${left}px`;
    card.style.top = `${scrollY + (below ? box.bottom + 10 : box.top - card.offsetHeight - 10)}px`;
  };
  const hide = () => {
    card.hidden = true;
    pinned = null;
    all(".hot").forEach((element) => element.classList.remove("hot"));
    all("[aria-describedby='card']").forEach((element) => element.removeAttribute("aria-describedby"));
  };
  const isOff = (mark) => labels.devices.some((d) => mark.classList.contains(d.name) && root.classList.contains(`off-${d.name}`));
  const marksAt = (element) => {
    const found = [];
    for (let mark = element.closest("mark"); mark; mark = mark.parentElement.closest("mark")) {
      if (!isOff(mark)) found.push(mark);
    }
    return found;
  };
  const percent = (share) => `${Math.round(100 * share)}%`;
  const markCard = (article, marks) => {
    article.rows ??= read(one(".marks", article));
    return marks.map((mark) => {
      const [number, paragraph, span] = article.rows[mark.dataset.n];
      const device = labels.devices[number];
      const head = make("b", { class: `device ${device.name}` }, make("span", { class: "swatch" }), named(device));
      return make("div", { "data-device": device.id }, head,
        make("p", {}, say(`in this paragraph ${percent(paragraph)} · these words ${percent(span)}`, `本段使用 ${percent(paragraph)} · 此处 ${percent(span)}`)),
        make("p", { lang: "zh" }, device.definition),
        make("p", { lang: "zh", class: "soft" }, `${say("e.g.", "例：")}${device.example}`));
    });
  };
  const numberOf = (block) => +block.getAttribute("href").slice(2) + 1;
  const blockCard = (block) => {
    const stance = labels.stances.find((label) => block.classList.contains(label.id));
    const text = one(`${block.getAttribute("href")} > p`, block.closest(".article"))?.textContent ?? "";
    const odds = block.dataset.p ? ` ${percent(block.dataset.p)}` : "";
    return [make("div", {}, make("b", {}, say(`Paragraph ${numberOf(block)}: `, `第${numberOf(block)}段：`), named(stance), odds),
      make("p", { lang: "zh", class: "soft" }, text.length > 70 ? `${text.slice(0, 70)}…` : text))];
  };
  const show = (target) => {
    const element = target instanceof Element ? target : null;
    const marks = element ? marksAt(element) : [];
    const block = element?.closest(".ribbon a");
    if (!marks.length && !block) return false;
    const anchor = marks[0] ?? block;
    const article = anchor.closest(".article");
    hide();
    card.replaceChildren(...(marks.length ? markCard(article, marks) : blockCard(block)));
    for (const mark of marks) all(`mark[data-n="${mark.dataset.n}"]`, article).forEach((piece) => piece.classList.add("hot"));
    anchor.setAttribute("aria-describedby", "card");
    place(anchor);
    return true;
  };
  let pointer = ""; // a page that scrolls under a pointer at rest must not take a card from the keyboard
  document.addEventListener("pointerover", (event) => {
    const rests = pointer === `${event.clientX} ${event.clientY}`;
    pointer = `${event.clientX} ${event.clientY}`;
    if (!rests && event.pointerType === "mouse" && !pinned && !card.contains(event.target) && !show(event.target)) hide();
  });
  document.addEventListener("focusin", (event) => {
    if (event.target.matches("mark, .ribbon a")) show(event.target);
    else if (!card.contains(event.target)) hide();
  });
  document.addEventListener("click", (event) => {
    if (card.contains(event.target)) return;
    const marks = marksAt(event.target);
    if (!marks.length || pinned === marks[0]) hide();
    else if (show(event.target)) pinned = marks[0];
  });
  document.addEventListener("keydown", (event) => {
    if (event.key === "Escape") hide();
    const step = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 }[event.key];
    const group = event.target.closest?.(".ribbon, .text");
    if (!step || !group || !event.target.matches("mark, .ribbon a")) return;
    const stops = all("a, mark[tabindex]", group).filter((stop) => !isOff(stop));
    stops.sort((a, b) => (a.dataset.n ?? 0) - (b.dataset.n ?? 0));
    const next = stops[stops.indexOf(event.target) + step];
    if (!next) return;
    event.preventDefault();
    event.target.tabIndex = -1;
    next.tabIndex = 0;
    next.focus();
  });

  // --- an article ---

  const goTo = (article, index) => {
    const paragraph = one(`#p${CSS.escape(index)}`, article);
    if (!paragraph) return;
    all(".there", article).forEach((element) => element.classList.remove("there"));
    paragraph.classList.add("there");
    paragraph.scrollIntoView({ block: "center" });
    paragraph.focus({ preventScroll: true });
  };
  const filterDevices = (article) => {
    for (const key of all(".key", article)) root.classList.toggle(`off-${key.dataset.device}`, key.getAttribute("aria-pressed") === "false");
    const stops = all("mark[tabindex]", article);
    stops.forEach((stop) => (stop.tabIndex = -1));
    const first = stops.find((stop) => !isOff(stop));
    if (first) first.tabIndex = 0;
  };
  const filterSides = (article, button) => {
    const wanted = button.getAttribute("aria-pressed") === "false";
    all(".only", article).forEach((other) => other.setAttribute("aria-pressed", String(wanted && other === button)));
    const blocks = all(".ribbon", article)[button.dataset.target].children;
    const taken = new Set([...blocks].filter((block) => !block.classList.contains("neutral")).map((block) => block.getAttribute("href")));
    for (const paragraph of all(".paragraph", article)) paragraph.classList.toggle("aside", wanted && !taken.has(`#${paragraph.id}`));
  };
  const setUpArticle = (article) => {
    article.addEventListener("click", (event) => {
      const link = event.target.closest('a[href^="#p"]');
      const key = event.target.closest(".key");
      const only = event.target.closest(".only");
      const keys = event.target.closest("[data-keys]");
      if (link) {
        event.preventDefault();
        goTo(article, link.getAttribute("href").slice(2));
      }
      if (key) key.setAttribute("aria-pressed", String(key.getAttribute("aria-pressed") === "false"));
      if (keys) all(".key", article).forEach((other) => other.setAttribute("aria-pressed", String(keys.dataset.keys === "all")));
      if (key || keys) filterDevices(article);
      if (only) filterSides(article, only);
    });
    filterDevices(article);
    for (const block of all(".ribbon a", article)) {
      block.tabIndex = block.previousElementSibling ? -1 : 0;
      block.setAttribute("aria-label", `${numberOf(block)} ${SIGNS[block.className]}`);
    }
  };

  // --- a corpus ---

  const whole = (number) => number.toLocaleString("en");
  const normal = (text) => text.normalize("NFKC").toLowerCase();
  const fill = (select, entries, any) => {
    const options = entries.map(([value, label]) => make("option", { value }, label));
    select.append(make("option", { value: "", "data-say": "text", "data-en": any[0], "data-zh": any[1] }, any[1]), ...options);
  };
  const address = (corpus, number, paragraph) => {
    if (!corpus.pages.has(number)) return null;
    const end = paragraph === undefined ? "" : corpus.whole ? `/p${paragraph}` : `#p${paragraph}`;
    return corpus.whole ? `#a${number}${end}` : `articles/${String(number + 1).padStart(5, "0")}.html${end}`;
  };
  const pager = (section, redraw) => {
    const state = { page: 0, size: +section.dataset.size };
    const step = (by) => () => {
      state.page += by;
      redraw();
      section.scrollIntoView();
    };
    one("[data-page='previous']", section).addEventListener("click", step(-1));
    one("[data-page='next']", section).addEventListener("click", step(1));
    state.cut = (rows) => {
      const last = Math.max(0, Math.ceil(rows.length / state.size) - 1);
      state.page = Math.min(state.page, last);
      one("[data-page='previous']", section).disabled = state.page === 0;
      one("[data-page='next']", section).disabled = state.page === last;
      return rows.slice(state.page * state.size, (state.page + 1) * state.size);
    };
    state.text = (count) => {
      const pages = Math.ceil(count / state.size);
      return pages > 1 ? say(`, page ${state.page + 1} of ${pages}`, `，第 ${state.page + 1}/${pages} 页`) : "";
    };
    return state;
  };

  const ID = 1, TITLE = 2, SOURCE = 3, DATE = 4, CHARACTERS = 5, SPANS = 6, DEVICES = 7, TARGETS = 8;
  const density = (row) => (row[CHARACTERS] ? (1000 * row[SPANS]) / row[CHARACTERS] : 0);
  const drift = ([, favor, against]) => (favor === against ? "neutral" : favor > against ? "favor" : "against");

  const articleList = (corpus) => {
    const section = one("#articles");
    const input = (name) => one(`[name="${name}"]`, section);
    const count = (place) => {
      const found = new Map();
      for (const row of corpus.articles) for (const value of place(row)) found.set(value, (found.get(value) ?? 0) + 1);
      return [...found].sort((a, b) => b[1] - a[1]);
    };
    const numbered = (entries) => entries.map(([value, number]) => [value, `${value} (${number})`]);
    fill(input("source"), numbered(count((row) => (row[SOURCE] ? [row[SOURCE]] : []))), ["any", "不限"]);
    fill(input("target"), numbered(count((row) => row[TARGETS].map((target) => target[0])).slice(0, 200)), ["any", "不限"]);
    fill(input("device"), labels.devices.map((device, i) => [String(i), `${device.chinese} ${device.english}`]), ["any", "不限"]);
    let haystack = null;
    const gather = (texts) => {
      haystack = corpus.articles.map((row, i) => normal([row[ID], row[TITLE], row[SOURCE], ...row[TARGETS].map((t) => t[0]), texts?.[i] ?? ""].join("\n")));
    };
    const contains = (i, query) => {
      if (!haystack) {
        gather(null);
        if (one("#texts")) unpack(one("#texts")).then(gather).then(draw); // the texts follow, when first searched
      }
      return query.split(/\s+/).every((word) => haystack[i].includes(word));
    };
    const sortKeys = {
      title: (row) => row[TITLE], source: (row) => row[SOURCE], date: (row) => row[DATE], characters: (row) => row[CHARACTERS],
      density, spans: (row) => row[SPANS],
    };
    let sort = { by: "", down: false };
    const state = pager(section, () => draw());
    const fits = (row, i) => {
      const stance = input("stance").value, target = input("target").value, device = input("device").value;
      const query = normal(input("query").value.trim());
      const about = row[TARGETS].filter((t) => !target || t[0] === target);
      return (!query || contains(i, query))
        && (!input("source").value || row[SOURCE] === input("source").value)
        && (!input("from").value || row[DATE].slice(0, 4) >= input("from").value)
        && (!input("to").value || (row[DATE] && row[DATE].slice(0, 4) <= input("to").value))
        && (!target || about.length) && (!stance || about.some((t) => drift(t) === stance))
        && (!device || row[DEVICES].some(([d]) => String(d) === device));
    };
    const draw = () => {
      const rows = corpus.articles.filter(fits);
      if (sort.by) {
        const key = sortKeys[sort.by];
        rows.sort((a, b) => (typeof key(a) === "string" ? key(a).localeCompare(key(b), "zh") : key(a) - key(b)) * (sort.down ? -1 : 1));
      }
      const shown = state.cut(rows);
      one("tbody", section).replaceChildren(...shown.map((row) => {
        const link = address(corpus, row[0]);
        const title = row[TITLE] || row[ID] || say("Untitled", "无题");
        const devices = row[DEVICES].slice(0, 3).map(([d, n]) => make("span", { class: `device ${labels.devices[d].name}` }, make("span", { class: "swatch" }), `${n} `));
        const targets = row[TARGETS].slice(0, 3).flatMap((t) => [make("span", { class: `sign ${drift(t)}`, title: named(labels.stances.find((s) => s.id === drift(t))) }, SIGNS[drift(t)]), make("bdi", {}, t[0]), "  "]);
        return make("tr", {},
          make("td", { class: "heading" }, link ? make("a", { href: link }, make("bdi", {}, title)) : make("bdi", {}, title)),
          make("td", {}, row[SOURCE]), make("td", {}, row[DATE]), make("td", { class: "number" }, whole(row[CHARACTERS])),
          make("td", { class: "number" }, density(row).toFixed(1)), make("td", {}, ...devices), make("td", {}, ...targets));
      }));
      one(".status", section).textContent = say(`${whole(rows.length)} of ${whole(corpus.articles.length)} articles`, `${whole(corpus.articles.length)} 篇中的 ${whole(rows.length)} 篇`) + state.text(rows.length);
    };
    for (const control of all("input, select", section)) {
      control.addEventListener("input", () => {
        state.page = 0;
        draw();
      });
    }
    for (const button of all(".sorter", section)) {
      button.addEventListener("click", () => {
        const by = button.dataset.sort;
        sort = sort.by === by ? { by, down: !sort.down } : { by, down: by !== "title" && by !== "source" };
        all("th", section).forEach((th) => th.removeAttribute("aria-sort"));
        button.closest("th").setAttribute("aria-sort", sort.down ? "descending" : "ascending");
        draw();
      });
    }
    onLanguage.push(draw);
    draw();
  };

  const concordance = (corpus) => {
    const section = one("#concordance");
    const input = (name) => one(`[name="${name}"]`, section);
    let lines = null; // decoded when first asked for
    const title = new Map(corpus.articles.map((row) => [row[0], row[TITLE] || row[ID]]));
    const state = pager(section, () => draw());
    const LEFT = 3, WORD = 4, RIGHT = 5;
    const backwards = (text) => [...text].reverse().join("");
    const orders = {
      text: (a, b) => a[1] - b[1] || a[2] - b[2], word: (a, b) => a[WORD].localeCompare(b[WORD], "zh"), right: (a, b) => a[RIGHT].localeCompare(b[RIGHT], "zh"),
      left: (a, b) => backwards(a[LEFT]).localeCompare(backwards(b[LEFT]), "zh"),
    };
    const draw = () => {
      lines ??= read(one("#lines"));
      const query = normal(input("query").value.trim());
      const device = input("device").value;
      const rows = lines.filter((line) => (!device || String(line[0]) === device) && (!query || normal(line[LEFT] + line[WORD] + line[RIGHT]).includes(query)));
      rows.sort(orders[input("order").value]);
      one("tbody", section).replaceChildren(...state.cut(rows).map((line) => {
        const link = address(corpus, line[1], line[2]);
        const name = title.get(line[1]) || say("Untitled or not listed", "无题或未列出");
        return make("tr", {},
          make("td", { class: "left" }, make("div", { class: "clip-left" }, make("span", {}, make("bdi", {}, line[LEFT])))),
          make("td", { class: "word" }, make("bdi", {}, line[WORD]), make("span", { class: `device ${labels.devices[line[0]].name}`, title: named(labels.devices[line[0]]) }, make("span", { class: "swatch" }))),
          make("td", { class: "right" }, make("bdi", {}, line[RIGHT])),
          make("td", { class: "place" }, link ? make("a", { href: link }, make("bdi", {}, name)) : make("bdi", {}, name)));
      }));
      const found = corpus.spans[device] ?? corpus.spans.all;
      one(".status", section).textContent = say(`${whole(rows.length)} lines of ${whole(found)} spans in the corpus`, `语料中 ${whole(found)} 处，列出 ${whole(rows.length)} 行`) + state.text(rows.length);
    };
    fill(input("device"), labels.devices.map((device, i) => [String(i), `${device.chinese} ${device.english}`]), ["all", "全部"]);
    for (const control of all("input, select", section)) {
      control.addEventListener("input", () => {
        state.page = 0;
        draw();
      });
    }
    for (const button of all("[data-word]")) {
      button.addEventListener("click", () => {
        input("device").value = String(labels.devices.findIndex((device) => device.id === "metaphor"));
        input("query").value = button.dataset.word;
        state.page = 0;
        draw();
        section.scrollIntoView();
      });
    }
    onLanguage.push(() => lines && draw());
    addEventListener("beforeprint", () => lines ?? draw());
    new IntersectionObserver((entries, observer) => {
      if (entries.some((entry) => entry.isIntersecting)) {
        observer.disconnect();
        draw();
      }
    }, { rootMargin: "600px" }).observe(section);
  };

  const targetPanels = () => {
    const select = one("#target");
    if (!select) return;
    const draw = () => all("[data-panel]").forEach((panel) => (panel.hidden = panel.dataset.panel !== select.value));
    select.addEventListener("input", draw);
    draw();
  };

  const openArticles = () => {
    const overview = one("#overview"), view = one("#opened");
    let left = 0; // where the reader left the overview
    const open = async () => {
      const [, number, paragraph] = location.hash.match(/^#a(\d+)(?:\/p(\d+))?$/) ?? [];
      const stored = number === undefined ? null : one(`#a${number}`);
      if (stored && !overview.hidden) left = scrollY;
      const back = !stored && overview.hidden;
      overview.hidden = Boolean(stored);
      view.hidden = !stored;
      hide();
      labels.devices.forEach((device) => root.classList.remove(`off-${device.name}`));
      if (!stored) {
        view.replaceChildren();
        const section = document.getElementById(location.hash.slice(1));
        if (section) section.scrollIntoView();
        else if (back) scrollTo({ top: left, behavior: "instant" });
        return;
      }
      const hash = location.hash;
      const body = await unpack(stored);
      if (location.hash !== hash) return; // the reader has gone on
      view.innerHTML = body;
      const article = one(".article", view);
      all("[data-say]", view).length && setLanguage(root.dataset.ui);
      setUpArticle(article);
      scrollTo(0, 0);
      if (paragraph) goTo(article, paragraph);
    };
    addEventListener("hashchange", open);
    if (view) open();
  };

  setLanguage(remember("stance-language") === "en" ? "en" : remember("stance-language") === "zh" ? "zh" : root.dataset.ui);
  all(".article").forEach(setUpArticle);
  const corpus = read(one("#corpus"));
  if (corpus) {
    corpus.pages = new Set(corpus.pages);
    articleList(corpus);
    concordance(corpus);
    targetPanels();
    openArticles();
    setLanguage(root.dataset.ui);
  } else if (/^#p\d+$/.test(location.hash) && one(".article")) goTo(one(".article"), location.hash.slice(2));
})();
