// SPDX-License-Identifier: MIT OR Apache-2.0

//go:build linux

package main

import (
	"context"
	"fmt"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/require"
)

// browserLimit is how long the browser may take for all of it.
const browserLimit = 2 * time.Minute

// findBrowser finds a Chromium, or skips the test.
func findBrowser(t *testing.T) string {
	t.Helper()
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome"} {
		if path, err := exec.LookPath(name); err == nil {
			return path
		}
	}
	t.Skip("no chromium is installed (run `ci/setup test`)")
	return ""
}

// openBrowser starts a headless browser, which ends with the test.
func openBrowser(t *testing.T) context.Context {
	t.Helper()
	options := append(chromedp.DefaultExecAllocatorOptions[:],
		chromedp.ExecPath(findBrowser(t)), chromedp.UserDataDir(t.TempDir()), chromedp.NoSandbox, chromedp.DisableGPU,
		chromedp.Flag("disable-quic", true), chromedp.Flag("disable-component-update", true),
	)
	ctx, stop := context.WithTimeout(context.Background(), browserLimit)
	t.Cleanup(stop)
	ctx, stop = chromedp.NewExecAllocator(ctx, options...)
	t.Cleanup(stop)
	ctx, stop = chromedp.NewContext(ctx)
	t.Cleanup(stop)
	require.NoError(t, chromedp.Do(ctx), "starting the browser")
	return ctx
}

// activity is what a page does while it is loaded.
type activity struct {
	mu                 sync.Mutex
	requests, messages []string
}

// watch listens to what the page in a tab does.
func watch(t *testing.T, tab context.Context) *activity {
	t.Helper()
	a := &activity{}
	require.NoError(t, chromedp.Listen(tab, func(event any) {
		a.mu.Lock()
		defer a.mu.Unlock()
		switch e := event.(type) {
		case *network.EventRequestWillBeSent:
			a.requests = append(a.requests, e.Request.URL)
		case *runtime.EventConsoleAPICalled:
			a.messages = append(a.messages, fmt.Sprintf("console: %v", e.Type))
		case *runtime.EventExceptionThrown:
			a.messages = append(a.messages, "exception: "+e.ExceptionDetails.Text)
		case *log.EventEntryAdded:
			a.messages = append(a.messages, "log: "+e.Entry.Text)
		}
	}))
	_, err := chromedp.Call(tab, network.Enable, network.EnableParams{})
	require.NoError(t, err)
	_, err = chromedp.Call(tab, log.Enable, cdp.Empty{})
	require.NoError(t, err)
	return a
}

// layout is what the browser made of the page.
type layout struct {
	Viewport float64 `json:"viewport"` // widths in CSS pixels
	Content  float64 `json:"content"`
	Plots    []plot  `json:"plots"`
}

type plot struct {
	Label    string  `json:"label"`
	Left     float64 `json:"left"`
	Right    float64 `json:"right"`
	Width    float64 `json:"width"`
	Height   float64 `json:"height"`
	Visible  bool    `json:"visible"`
	Texts    int     `json:"texts"`    // that can be seen
	Contrast float64 `json:"contrast"` // the least of them against the ground: WCAG 2.2, contrast ratio
}

const readLayout = `(() => {
  const rgb = (c) => c.match(/[0-9.]+/g).map(Number);
  const luminance = (c) => rgb(c).slice(0, 3).map((v) => v / 255)
    .map((v) => v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4)
    .reduce((sum, v, i) => sum + v * [0.2126, 0.7152, 0.0722][i], 0);
  const ground = (e) => {
    for (; e; e = e.parentElement) {
      const c = getComputedStyle(e).backgroundColor;
      if (rgb(c)[3] !== 0) return c;
    }
    return "rgb(255, 255, 255)";
  };
  const contrast = (a, b) => {
    const [x, y] = [luminance(a), luminance(b)];
    return (Math.max(x, y) + 0.05) / (Math.min(x, y) + 0.05);
  };
  return {
    viewport: document.documentElement.clientWidth,
    content: document.documentElement.scrollWidth,
    plots: [...document.querySelectorAll("svg")].map((svg) => {
      const box = svg.getBoundingClientRect(), texts = [...svg.querySelectorAll("text")];
      return {
        label: svg.getAttribute("aria-label"),
        left: box.left, right: box.right, width: box.width, height: box.height,
        visible: svg.checkVisibility({opacityProperty: true, visibilityProperty: true}),
        texts: texts.filter((t) => t.getBoundingClientRect().height > 4).length,
        contrast: Math.min(...texts.map((t) => contrast(getComputedStyle(t).fill, ground(svg)))),
      };
    }),
  };
})()`

// browserResults are runs of two commits with all that is drawn, and with long names.
func browserResults() map[string]string {
	files := map[string]string{}
	for day, commit := range []string{"c0ffee1c0ffee", "c0ffee2c0ffee+dirty"} {
		var b strings.Builder
		fmt.Fprintf(&b, "host: amd64-2c-24g-ba7016dd\ncommit: %s\ndate: 2026-01-0%dT00:00:00Z\ncpu: A Processor With a Long Name\n"+
			"command: arcbox-bench run boot memory --targets uml:lean,uml:packaged,qemu --count 20 --seed 1\n"+
			"target-uml-lean: Linux 6.12.117, sha256 %s\n\n", commit, day+1, strings.Repeat("0123456789abcdef", 4))
		for i := range 8 {
			for target, ms := range map[string]int{"uml/kernel=lean": 35, "uml/kernel=packaged": 1020, "qemu/accel=tcg/machine=microvm": 1500} {
				fmt.Fprintf(&b, "#: round=%d disturbed=others used 34 %% of the CPUs\n", i+1)
				fmt.Fprintf(&b, "BenchmarkColdBoot/target=%s 1 %d agent_ready-ns %d vmm_up-ns %d kernel-ns\n", target, (ms+i)*1e6, ms*2e5, ms*3e5)
				fmt.Fprintf(&b, "BenchmarkIdleMemory/target=%s 1 %d pss-bytes %d anon-bytes 1048576 file-bytes %d vmm_pss-bytes %d vmm_anon-bytes\n",
					target, (ms+i)<<18, ms<<17, ms<<18, ms<<17)
			}
		}
		files[fmt.Sprintf("run-%d.txt", day)] = b.String()
	}
	return files
}

// TestReportInBrowser opens the page as a person does, in a wide window and on a
// phone, by day and by night.
func TestReportInBrowser(t *testing.T) {
	ctx := openBrowser(t)
	writeResults(t, browserResults())
	_, _, err := runAlone(reportCommand(), "--html", "page.html")
	require.NoError(t, err)
	file, err := filepath.Abs("page.html")
	require.NoError(t, err)
	page := "file://" + file

	for _, view := range []struct {
		name   string
		width  int64 // CSS pixels
		scheme string
	}{
		{"wide", 1200, "light"}, {"phone", 400, "light"}, {"phone at night", 400, "dark"}, {"wide at night", 1200, "dark"},
	} {
		t.Run(view.name, func(t *testing.T) {
			tab, closeTab := chromedp.NewContext(ctx)
			defer closeTab()
			seen := watch(t, tab)
			_, err := chromedp.Call(tab, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{
				Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: view.scheme}},
			})
			require.NoError(t, err)
			require.NoError(t, chromedp.Do(tab, chromedp.EmulateViewport(view.width, 800), chromedp.Navigate(page)))
			got, err := chromedp.Run(tab, chromedp.Evaluate[layout](readLayout))
			require.NoError(t, err)

			seen.mu.Lock()
			defer seen.mu.Unlock()
			require.Equal(t, []string{page}, seen.requests, "the page and nothing else")
			require.Empty(t, seen.messages)
			require.Equal(t, float64(view.width), got.Viewport)
			require.LessOrEqual(t, got.Content, got.Viewport, "the page is wider than the window")
			require.Len(t, got.Plots, 8)
			for _, p := range got.Plots {
				require.True(t, p.Visible, p.Label)
				require.Greater(t, p.Width, 300.0, p.Label)
				require.Greater(t, p.Height, 80.0, p.Label)
				require.GreaterOrEqual(t, p.Left, 0.0, p.Label)
				require.LessOrEqual(t, p.Right, got.Viewport, p.Label)
				require.GreaterOrEqual(t, p.Texts, 5, p.Label)
				require.Greater(t, p.Contrast, 4.5, p.Label)
			}
		})
	}
}
