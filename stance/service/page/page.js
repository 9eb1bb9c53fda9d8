// The page: sends an article, shows its report in a frame, and asks which words carry a label.
// Texts reach the page as text nodes only.
"use strict";
(() => {
  const one = (selector) => document.querySelector(selector);
  const root = document.documentElement;
  const schema = JSON.parse(one("#schema").textContent);
  const say = (zh, en) => (root.dataset.ui === "en" ? en : zh);
  const named = (label) => say(label.chinese, label.english);
  const kinds = { html: "text/html", htm: "text/html", json: "application/json" };
  let analysis = null;

  const make = (tag, attributes, ...children) => {
    const element = document.createElement(tag);
    for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
    element.append(...children);
    return element;
  };
  const tell = (text, wrong = false) => {
    one("#status").textContent = text;
    one("#status").classList.toggle("wrong", wrong);
  };
  const token = () => one("#token").value.trim();

  const ask = async (path, type, body) => {
    const headers = { "Content-Type": type };
    if (token()) headers.Authorization = `Bearer ${token()}`;
    let response;
    try {
      response = await fetch(path, { method: "POST", headers, body });
    } catch {
      throw new Error(say("连不上服务器。它还开着吗？", "The server cannot be reached. Is it still running?"));
    }
    if (response.ok) return response;
    if (response.status === 401) throw new Error(say("口令不对。", "The token is wrong."));
    if (response.status === 429 || response.status === 503) throw new Error(say("服务器正忙，请过一会儿再试。", "The server is busy; please try again in a moment."));
    const answer = await response.json().catch(() => ({}));
    throw new Error(answer.error ?? `${response.status}`);
  };

  // --- an article ---

  const targets = () => one("#targets").value.split(/[,，;；、]/).map((name) => name.trim()).filter(Boolean);

  const analyze = async (type, body) => {
    one("#analyze").disabled = true;
    one("#explanation").hidden = true;
    tell(say("正在分析……", "Analyzing…"));
    try {
      const query = new URLSearchParams(targets().map((name) => ["target", name]));
      analysis = await (await ask(`v1/analyze?${query}`, type, body)).json();
      if (!analysis.paragraphs.length) throw new Error(say("没有找到正文。", "No text was found."));
      await show();
      tell("");
    } catch (error) {
      tell(error.message, true);
    } finally {
      one("#analyze").disabled = false;
    }
  };

  const show = async () => {
    const page = await (await ask(`v1/report?language=${root.dataset.ui}`, "application/json", JSON.stringify(analysis))).text();
    const frame = one("#report");
    frame.addEventListener("load", () => frame.contentDocument.addEventListener("click", explainClicked), { once: true });
    frame.srcdoc = page;
    one("#result").hidden = false;
    one("#page").onclick = () => download(page, "text/html", "html");
    one("#json").onclick = () => download(JSON.stringify(analysis, null, 1), "application/json", "json");
    one("#result").scrollIntoView({ block: "start" });
  };

  const download = (text, type, extension) => {
    const address = URL.createObjectURL(new Blob([text], { type }));
    const name = (analysis.title || analysis.id || "stance").replace(/[^\p{L}\p{N}]+/gu, "_").slice(0, 40);
    make("a", { href: address, download: `${name || "stance"}.${extension}` }).click();
    setTimeout(() => URL.revokeObjectURL(address), 1000);
  };

  // --- which words carry a label ---

  const explainClicked = (event) => {
    const paragraph = event.target.closest(".paragraph");
    const mark = event.target.closest("mark");
    const side = event.target.closest(".side");
    if (!paragraph || (!mark && !side)) return;
    const index = Number(paragraph.dataset.k);
    if (mark) {
      const number = [...mark.classList].map((name) => /^d(\d+)$/.exec(name)).find(Boolean)[1];
      explain(index, schema.devices[number], null);
    } else {
      const stance = schema.stances.find((label) => side.classList.contains(label.id));
      explain(index, stance, side.querySelector("bdi").textContent);
    }
  };

  let asked = 0;
  const explain = async (paragraph, label, target) => {
    const number = ++asked;
    const panel = one("#explanation");
    const head = make("p", {}, make("b", {}, target ? `${target}：${named(label)}` : named(label)), say(` · 第 ${paragraph + 1} 段`, ` · paragraph ${paragraph + 1}`));
    panel.replaceChildren(head, make("p", {}, say("正在逐词删去再读……", "Reading again without each word…")));
    panel.hidden = false;
    try {
      const body = JSON.stringify({ analysis, paragraph, label: label.id, target });
      const found = await (await ask("v1/explain", "application/json", body)).json();
      if (number === asked) panel.replaceChildren(head, ...drawn(found));
    } catch (error) {
      if (number === asked) panel.replaceChildren(head, make("p", {}, error.message));
    }
  };

  const drawn = ({ words, probability, paragraph }) => {
    const most = Math.max(0.02, ...words.map((word) => Math.abs(word.effect)));
    const text = make("p", { class: "words", lang: "zh" });
    const characters = [...analysis.paragraphs[paragraph].text]; // places count code points
    let at = 0;
    for (const word of words) {
      text.append(characters.slice(at, word.start).join(""));
      const share = Math.abs(word.effect) / most;
      text.append(share < 0.1 ? word.text : make("span", { class: word.effect > 0 ? "for" : "against", style: `--share:${share.toFixed(2)}` }, word.text));
      at = word.end;
    }
    text.append(characters.slice(at).join(""));
    const best = [...words].sort((a, b) => b.effect - a.effect).filter((word) => word.effect > 0.005).slice(0, 5);
    const list = make("ol", { lang: "zh" }, ...best.map((word) => make("li", {}, `${word.text}  −${word.effect.toFixed(3)}`)));
    const note = best.length
      ? say(`概率 ${probability.toFixed(2)}；删去下列词语，概率各降：`, `Probability ${probability.toFixed(2)}; without these words it falls by:`)
      : say(`概率 ${probability.toFixed(2)}；没有哪个词单独撑起它。`, `Probability ${probability.toFixed(2)}; no single word carries it.`);
    const close = make("button", { type: "button" }, say("收起", "Close"));
    close.addEventListener("click", () => (one("#explanation").hidden = true));
    return [text, make("p", {}, note), list, close];
  };

  // --- what a person does ---

  const send = (file) => analyze(kinds[file.name.split(".").pop().toLowerCase()] ?? "text/plain", file);
  one("#form").addEventListener("submit", (event) => {
    event.preventDefault();
    const text = one("#text").value;
    if (text.trim()) analyze("text/plain; charset=utf-8", text);
    else tell(say("先粘贴一篇文章。", "Paste an article first."), true);
  });
  one("#choose").addEventListener("click", () => one("#file").click());
  one("#file").addEventListener("change", () => one("#file").files.length && send(one("#file").files[0]));
  for (const name of ["dragenter", "dragover"]) {
    document.addEventListener(name, (event) => {
      event.preventDefault();
      document.body.classList.add("dropping");
    });
  }
  document.addEventListener("dragleave", (event) => event.relatedTarget || document.body.classList.remove("dropping"));
  document.addEventListener("drop", (event) => {
    event.preventDefault();
    document.body.classList.remove("dropping");
    if (event.dataTransfer.files.length) send(event.dataTransfer.files[0]);
  });
  one("#language").addEventListener("click", () => {
    root.dataset.ui = root.lang = say("en", "zh");
    if (analysis && !one("#result").hidden) show().catch((error) => tell(error.message, true));
  });
})();
