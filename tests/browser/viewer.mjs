// What a reader does with the tape viewer, in a real browser.
//
// node viewer.mjs PART PAGE PICTURES, with the browser and the folder of playwright-core in the environment.

import assert from "node:assert/strict";
import { createRequire } from "node:module";
import { join } from "node:path";
import { pathToFileURL } from "node:url";

const { chromium } = createRequire(join(process.env.WENGERT_PLAYWRIGHT, "package.json"))("playwright-core");
const [part, file, pictures] = process.argv.slice(2);
const quiet = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync"];
// Each launch has a fresh profile.
const browser = await chromium.launch({ executablePath: process.env.WENGERT_BROWSER, headless: true, args: quiet });
const page = await browser.newPage({ viewport: { width: 1440, height: 900 } });
const complaints = [];
page.on("console", (message) => ["error", "warning"].includes(message.type()) && complaints.push(message.text()));
page.on("pageerror", (error) => complaints.push(error.stack));
page.on("request", (request) => !request.url().startsWith("file:") && complaints.push(`asked for ${request.url()}`));

const press = async (...keys) => {
  for (const key of keys) await page.keyboard.press(key);
};
const text = (selector) => page.locator(selector).innerText();
const box = (key) => page.locator(`[data-key="${key}"]`);
const classes = async (key) => (await box(key).getAttribute("class")).split(" ");
const picture = (name) => page.screenshot({ path: join(pictures, `${part}-${name}.png`) });

const parts = {
  async neuron() {
    // It opens complete: every value and every gradient.
    assert.equal(await page.locator("#drawing .box").count(), 9);
    assert.match(await text("#facts"), /^9 nodes · 1 layer · f64 · differentiated: %8 mul loss$/);
    assert.equal(await box("n0").getAttribute("aria-label"), "%0 leaf x, value 0.5, gradient 1.725");
    await picture("opened");
    // Forward: values appear in the order of the tape.
    await press("Home");
    assert.equal(await text("#where"), "Before the first operation");
    assert.equal(await box("n0").getAttribute("aria-label"), "%0 leaf x");
    await press("ArrowRight", "ArrowRight", "ArrowRight", "ArrowRight");
    assert.equal(await text("#where"), "Forward 4 of 9: %3 mul = −0.75");
    assert.equal(await text("#live"), "Forward 4 of 9: %3 mul = −0.75");
    assert.equal(await box("n3").locator(".value").textContent(), "−0.75");
    assert.equal(await box("n4").locator(".value").textContent(), "");
    assert.ok((await classes("n3")).includes("now") && (await classes("n4")).includes("ahead"));
    assert.equal(await page.locator(".arrow.active").count(), 2);
    await picture("forward");
    // Backward: gradients arrive from the loss on.
    await press("End");
    await page.locator("#step").fill("10");
    assert.equal(await text("#where"), "Backward 1 of 9: gradient of %8 mul loss = 1");
    await page.click("[data-do=next]");
    await page.click("[data-do=next]");
    await page.click("[data-do=next]");
    assert.equal(await text("#where"), "Backward 4 of 9: gradient of %5 tanh = −1.462");
    assert.equal(await page.locator(".arrow.backward").count(), 1);
    assert.equal(await box("n4").locator(".gradient").textContent(), "");
    await picture("backward");
    await page.click("[data-do=back]");
    assert.match(await text("#where"), /^Backward 3 of 9/);
    // A click tells of a node: formula, numbers, source.
    await press("End");
    await box("n5").click();
    assert.match(await text("#details h2"), /%5\s+tanh/);
    assert.equal(await page.locator("#details math").count(), 3);
    const formulas = await page.locator("#details .formula").allTextContents();
    assert.equal(formulas[0].replaceAll(/\s/g, ""), "z=tanh(x)=tanh(−0.5)=−0.46212");
    // z̄ = −1.4621, z = −0.46212
    assert.match(formulas[1].replaceAll(/\s/g, ""), /^x¯\+=z¯\(1−z2\)=.*=−1\.1499$/);
    assert.match(await text("#details dl"), /local derivative\s+0\.7864\s+hands on\s+−1\.15/);
    assert.match(await text(".row.marked"), /\(x \* w \+ b\)\.tanh\(\)/);
    await page.locator("#details .chip").first().click();
    assert.match(await text("#details h2"), /%4\s+add/);
    // A line of source selects what it recorded, one after the other.
    const row = page.locator(".row.recorded", { hasText: "(x * w + b).tanh()" });
    await row.click();
    assert.match(await text("#details h2"), /%5\s+tanh/);
    await row.click();
    assert.match(await text("#details h2"), /%3\s+mul/);
    // Keys along the arrows; the focus is on the selected node.
    await box("n4").focus();
    await box("n4").click();
    await press("ArrowUp");
    assert.match(await text("#details h2"), /%3\s+mul/);
    assert.equal(await page.evaluate(() => document.activeElement.dataset.key), "n3");
    await press("ArrowDown", "ArrowDown");
    assert.match(await text("#details h2"), /%5\s+tanh/);
    // Folding by key, by button and by the head of the box.
    await press("Enter");
    assert.equal(await page.locator("#drawing .box").count(), 7);
    assert.equal(await box("g0").getAttribute("aria-expanded"), "false");
    assert.match(await text("#details"), /layer\s+neuron/);
    await picture("folded");
    await press("Enter");
    assert.equal(await page.locator("#drawing .box").count(), 9);
    await page.locator(".frame .head").click();
    assert.equal(await page.locator("#drawing .box").count(), 7);
    await press("u");
    assert.equal(await page.locator("#drawing .box").count(), 9);
    await page.click("[data-do=fold]");
    assert.equal(await page.locator("#drawing .box").count(), 7);
    // The search finds operations, names, numbers and lines, and unfolds what it goes to.
    await press("/");
    assert.equal(await page.evaluate(() => document.activeElement.id), "search");
    await page.keyboard.type("tanh");
    assert.equal(await text("#found"), "1 found");
    await press("Enter");
    assert.match(await text("#details h2"), /%5\s+tanh/);
    assert.equal(await page.locator("#drawing .box").count(), 9);
    for (const [words, found] of [["%3", "1 found"], ["neuron", "3 found"], ["add main.rs", "2 found"], ["conv", "nothing found"], ["", ""]]) {
      await page.locator("#search").fill(words);
      assert.equal(await text("#found"), found, words);
    }
    await press("Escape");
    // Everything is reached by Tab, and what has the focus shows it.
    await page.evaluate(() => document.activeElement.blur());
    const reached = new Set();
    for (let k = 0; k < 40; k++) {
      await press("Tab");
      reached.add(await page.evaluate(() => {
        const { activeElement: at } = document;
        const style = getComputedStyle(at);
        const seen = at === document.body || style.outlineStyle !== "none" || at.closest("#drawing");
        return seen ? (at.dataset.do ?? at.dataset.key ?? (at.id || at.className)) : `unseen ${at.outerHTML.slice(0, 80)}`;
      }));
    }
    for (const name of ["first", "back", "play", "next", "last", "step", "search", "fold", "help", "n5"]) assert.ok(reached.has(name), `${name} in ${[...reached]}`);
    assert.ok(![...reached].some((name) => name.startsWith("unseen")), [...reached].join("\n"));
    assert.equal(await page.locator("button:not([aria-label])").evaluateAll((all) => all.filter((b) => !b.textContent.trim()).length), 0);
    // Keys, light and dark, playing.
    await page.evaluate(() => document.activeElement.blur());
    await press("?");
    assert.ok(await page.locator("#help").isVisible());
    await press("Escape");
    const paper = () => page.evaluate(() => getComputedStyle(document.body).backgroundColor);
    const light = await paper();
    await page.click("[data-do=theme]");
    assert.notEqual(await paper(), light);
    await picture("dark");
    await page.click("[data-do=theme]");
    assert.equal(await paper(), light);
    await press("Home", "p");
    await page.waitForFunction(() => document.getElementById("where").textContent.startsWith("Forward 2"));
    await press("p");
    // On paper.
    await press("End");
    await page.emulateMedia({ media: "print" });
    await page.pdf({ path: join(pictures, "neuron.pdf"), format: "A4" });
  },

  async recurrence() {
    assert.match(await text("#facts"), /^5000 nodes/);
    assert.ok(opened < 5000, `open after ${opened} ms`);
    assert.ok((await page.locator("#drawing *").count()) < 3000);
    await picture("opened");
    // A thousand steps are blocks at first; the search goes to one of them, the keys step on from there.
    await press("/");
    await page.keyboard.type("step700 tanh");
    await press("Enter");
    assert.equal(await text("#found"), "1 of 1");
    assert.match(await text("#details h2"), /tanh/);
    await picture("found");
    await page.evaluate(() => document.activeElement.blur());
    await press("g");
    const where = Number((await text("#where")).match(/^Forward (\d+)/)[1]);
    const stepped = await page.evaluate(() => {
      const start = performance.now();
      for (let k = 0; k < 50; k++) document.body.dispatchEvent(new KeyboardEvent("keydown", { key: "ArrowRight", bubbles: true }));
      return performance.now() - start;
    });
    assert.match(await text("#where"), new RegExp(`^Forward ${where + 50} of`));
    console.log(`50 steps in ${Math.round(stepped)} ms`);
    assert.ok(stepped < 5000, `50 steps took ${stepped} ms`);
    // Everything unfolded at once: only what is near is in the document.
    const start = Date.now();
    await press("u");
    const unfolded = Date.now() - start;
    const elements = await page.locator("#drawing *").count();
    console.log(`opened after ${opened} ms, unfolded after ${unfolded} ms with ${elements} elements`);
    assert.ok(unfolded < 8000 && elements < 6000, `unfolded after ${unfolded} ms with ${elements} elements`);
    await press("End");
    assert.match(await text("#where"), /^Backward/);
    await page.locator("#scroll").evaluate((scroll) => (scroll.scrollTop = scroll.scrollHeight / 2));
    // What is scrolled to is drawn.
    await page.waitForFunction(() => document.querySelectorAll("#drawing .box").length > 3, null, { timeout: 10000 });
    await picture("unfolded");
    await press("f");
    assert.ok((await page.locator("#drawing .box").count()) < 100);
    assert.ok(where > 3000);
  },

  async digits() {
    assert.match(await text("#facts"), /differentiated: .* loss$/);
    await picture("opened");
    await press("/");
    await page.keyboard.type("conv2d");
    await press("Enter");
    assert.ok((await page.locator(".histogram").count()) >= 2, "histograms of value and gradient");
    assert.match(await text("#details"), /1474560 numbers/);
    await page.waitForTimeout(100);
    const inside = await page.locator(".row.marked").evaluate((row) => {
      const [own, list] = [row.getBoundingClientRect(), row.parentNode.getBoundingClientRect()];
      return own.top >= list.top && own.bottom <= list.bottom;
    });
    assert.ok(inside, "the line of the selected node is in sight");
    await picture("convolution");
    await page.locator("#search").fill("elu");
    await press("Enter", "Shift+Enter");
    await picture("elu");
    await page.emulateMedia({ colorScheme: "dark" });
    await picture("dark");
  },

  async picture() {
    const { boxes, outside, arrows } = await page.evaluate(() => {
      const all = [...document.querySelectorAll("rect.box")].map((rect) => rect.getBBox());
      const within = (a, b) => a.x >= b.x && a.y >= b.y && a.x + a.width <= b.x + b.width && a.y + a.height <= b.y + b.height;
      const texts = [...document.querySelectorAll("text:not(.name)")].filter((text) => !all.some((box) => within(text.getBBox(), box)));
      return { boxes: all.map(({ x, y, width, height }) => ({ x, y, width, height })), outside: texts.map((text) => text.textContent), arrows: document.querySelectorAll(".arrow").length };
    });
    assert.deepEqual(outside, []);
    assert.ok(boxes.length > 20 && arrows >= boxes.length - 1, `${boxes.length} boxes, ${arrows} arrows`);
    boxes.forEach((a, k) => boxes.slice(k + 1).forEach((b) => {
      const apart = a.x + a.width <= b.x || b.x + b.width <= a.x || a.y + a.height <= b.y || b.y + b.height <= a.y;
      assert.ok(apart, `${JSON.stringify(a)} and ${JSON.stringify(b)} overlap`);
    }));
    await page.locator("svg").screenshot({ path: join(pictures, "picture.png") });
  },

  async hostile() {
    assert.equal(await page.evaluate(() => document.body.dataset.broken), undefined);
    assert.equal(await page.locator("main img").count(), 0);
    await box("n1").click();
    assert.match(await text("#details h2"), /<!--style--> & "quoted"/);
    await press("Enter");
    assert.match(await text("#details"), /<img src=x onerror/);
    await box("n0").click();
    assert.match(await text("#details"), /∞, −1/);
    await picture("opened");
  },
};

let failed = false;
const began = Date.now();
let opened = 0;
try {
  await page.goto(pathToFileURL(file).href);
  if (part !== "picture") await page.waitForSelector("body[data-ready=true]", { timeout: 20000 });
  opened = Date.now() - began;
  await parts[part]();
  assert.deepEqual(complaints.slice(0, 3), [], "the console stays empty");
} catch (error) {
  failed = true;
  console.error(error.stack, complaints.slice(0, 3).join("\n"));
  await picture("failed").catch(() => {});
}
await browser.close();
process.exit(failed ? 1 : 0);
