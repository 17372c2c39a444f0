"""Drives Chromium through chromedriver's protocol: draws the API pages and tries a request on one of them.

Usage: browser.py GATEWAY-URL SECOND-GATEWAY-URL TOKEN
"""
import json
import os
import re
import subprocess
import sys
import tempfile
import time
import urllib.request

first, second, token = sys.argv[1:4]


def ok(good, sentence, *why):
    print(("ok - " if good else "not ok - ") + sentence, flush=True)
    if not good:
        print("   ", *why, flush=True)


class Browser:
    def __init__(self, folder):
        self.driver = subprocess.Popen(["chromedriver", "--port=0"], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
                text=True)
        for line in self.driver.stdout:
            found = re.search(r"started successfully on port (\d+)", line)
            if found:
                self.base = "http://127.0.0.1:" + found.group(1)
                break
        args = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
                "--disable-background-networking",
                "--disable-component-update", "--disable-sync", "--user-data-dir=" + folder, "--window-size=1300,2000"]
        capabilities = {"alwaysMatch": {"goog:chromeOptions": {"args": args, "binary": "/usr/bin/chromium"},
                                        "goog:loggingPrefs": {"browser": "ALL", "performance": "ALL"}}}
        self.session = "/session/" + self.call("POST", "/session", {"capabilities": capabilities})["sessionId"]

    def call(self, method, path, body=None):
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self.base + path, data=data, method=method,
                headers={"Content-Type": "application/json"})
        return json.load(urllib.request.build_opener(urllib.request.ProxyHandler({})).open(request,
                timeout=60))["value"]

    def go(self, url):
        self.call("POST", self.session + "/url", {"url": url})

    def run(self, script):
        return self.call("POST", self.session + "/execute/sync", {"script": script, "args": []})

    def until(self, script, seconds=20):
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            value = self.run(script)
            if value:
                return value
            time.sleep(0.05)
        return None

    def log(self, kind):
        return self.call("POST", self.session + "/se/log", {"type": kind})

    def end(self):
        try:
            self.call("DELETE", self.session)
        finally:
            self.driver.terminate()
            self.driver.wait(10)


def hosts_asked(browser):
    asked = set()
    for entry in browser.log("performance"):
        message = json.loads(entry["message"])["message"]
        if message["method"] == "Network.requestWillBeSent":
            url = message["params"]["request"]["url"]
            if url.startswith("http"):
                asked.add(url.split("/")[2])
    return asked


def main():
    with tempfile.TemporaryDirectory() as folder:
        browser = Browser(os.path.join(folder, "profile"))
        try:
            for page in (first + "/api/v1/docs/docs", first + "/api/v1/user/docs", second + "/api/v2/user/docs",
                    second + "/api/v2/docs/docs"):
                browser.go(page)
                shown = browser.until("return document.querySelectorAll('.opblock').length")
                ok(shown and shown > 2, "the page %s shows its operations" % page, "operations:", shown)
            # Opens the page's field for a token, enters the token, sends GET drives, and checks the answer.
            ok(browser.until("var b = document.querySelector('.btn.authorize'); if (!b) return false; b.click(); return true"), "the API page has a button to enter a token")
            browser.until("return document.querySelector('.auth-container input')")
            browser.run("""var i = document.querySelector('.auth-container input');
                Object.getOwnPropertyDescriptor(HTMLInputElement.prototype, 'value').set.call(i, '%s');
                i.dispatchEvent(new Event('input', {bubbles: true}));
                document.querySelector('.auth-container .btn.authorize, .auth-btn-wrapper .authorize').click();
                document.querySelector('.btn-done').click()""" % token)
            find = "var o = [...document.querySelectorAll('.opblock-get')].find(x => x.querySelector('.opblock-summary-path').textContent.replace(/\\u200b/g, '').endsWith('/drives'));"
            browser.run(find + "o.querySelector('.opblock-summary-control').click()")
            ok(browser.until(find + "var b = o.querySelector('.btn.execute'); if (!b) return false; b.click(); return true"), "the API page has a button that sends a request")
            status = browser.until(find + "var s = o.querySelector('.live-responses-table tbody .response-col_status'); return s && s.textContent.trim()")
            ok(status is not None and status.startswith("200"),
                    "the API page shows the answer of its request, 200", "shown:", status)
            # Only this page has the token, unless the user asks to keep it.
            kept = browser.run("return [localStorage, sessionStorage].map(s => JSON.stringify(s)).join()")
            kept += json.dumps(browser.call("GET", browser.session + "/cookie"))  # those with HttpOnly, too
            ok(token not in kept, "the API page keeps the token in no localStorage, sessionStorage or cookie")
            browser.run("document.getElementById('keep').click()")
            browser.until("return document.readyState == 'complete' && document.querySelectorAll('.opblock').length")
            ok(browser.run("return document.getElementById('keep').checked"),
                    "the option to keep the token stays checked after a reload")
            browser.run("document.getElementById('keep').click()")
            browser.until("return document.readyState == 'complete' && document.querySelectorAll('.opblock').length")
            ok(browser.run("return localStorage.length") == 0,
                    "localStorage is empty after the option to keep the token is unchecked")
            allowed = {first.split("/")[2], second.split("/")[2]}
            asked = hosts_asked(browser)
            ok(asked <= allowed, "the browser sends requests to the two gateways only", "asked:", asked - allowed)
            severe = [e["message"] for e in browser.log("browser") if e["level"] == "SEVERE"]
            ok(not severe, "the API pages log no error in the browser", *severe)
        finally:
            browser.end()


main()
