package queue

import (
	"fmt"
	"math"
	"slices"
	"strings"
)

// plot draws the rate over the size of the backlog, which is on a logarithmic axis, as SVG.
func plot(sizes []int, rates []float64) []byte {
	const width, height, left, bottom, top = 640, 360, 70, 40, 30
	most := slices.Max(rates) * 1.1
	low, high := math.Log10(float64(slices.Min(sizes))), math.Log10(float64(slices.Max(sizes)))
	x := func(size int) float64 {
		return left + (math.Log10(float64(size))-low)/max(high-low, 1)*(width-left-30)
	}
	y := func(rate float64) float64 { return height - bottom - rate/most*(height-bottom-top) }
	var b strings.Builder
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" font-family="sans-serif" font-size="12">`+"\n", width, height)
	fmt.Fprintf(&b, `<text x="%d" y="18">messages delivered a second over the backlog (log)</text>`+"\n", left)
	for i := range 5 {
		rate := most * float64(i) / 4
		fmt.Fprintf(&b, `<path d="M%d %.1fH%d" stroke="#ddd"/><text x="%d" y="%.1f" text-anchor="end">%.0f</text>`+"\n", left, y(rate), width-20, left-6, y(rate)+4, rate)
	}
	var path strings.Builder
	for i, size := range sizes {
		fmt.Fprintf(&path, "%s%.1f %.1f", map[bool]string{true: "M", false: "L"}[i == 0], x(size), y(rates[i]))
		fmt.Fprintf(&b, `<circle cx="%.1f" cy="%.1f" r="4" fill="#003168"/><text x="%.1f" y="%d" text-anchor="middle">%d</text>`+"\n", x(size), y(rates[i]), x(size), height-bottom+18, size)
	}
	fmt.Fprintf(&b, `<path d="%s" fill="none" stroke="#003168" stroke-width="2"/>`+"\n</svg>\n", path.String())
	return []byte(b.String())
}
