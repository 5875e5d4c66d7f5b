//! The drawing: requests a second above and recovered nodes below, over the time since the server's return.

use core::fmt::Write;

use super::{Plan, Policy, Tally};

const WIDTH: f64 = 760.0;
const LEFT: f64 = 56.0;
const RIGHT: f64 = 744.0;
/// Top and bottom of the two charts.
const CALLS: (f64, f64) = (48.0, 218.0);
const NODES: (f64, f64) = (258.0, 428.0);
const HEIGHT: f64 = 486.0;
/// Points of a curve.
const STEPS: u32 = 240;
const MARKS: [(f64, &str); 9] = [
    (1.0, "1 s"),
    (3.0, "3 s"),
    (10.0, "10 s"),
    (60.0, "1 min"),
    (300.0, "5 min"),
    (1800.0, "30 min"),
    (7200.0, "2 h"),
    (28_800.0, "8 h"),
    (86_400.0, "24 h"),
];

const STYLE: &str = "\
svg { background: #fff; color: #222 } text { font: 12px sans-serif; fill: currentColor } \
.grid { stroke: currentColor; opacity: .15 } .limit { stroke: currentColor; stroke-dasharray: 4 3 } \
path { fill: none; stroke-width: 1.6 } \
@media (prefers-color-scheme: dark) { svg { background: #16181c; color: #ddd } }";

const fn colour(policy: Policy) -> &'static str {
    match policy {
        Policy::None => "#888888",
        Policy::Exponential => "#d9534f",
        Policy::EqualJitter => "#e8963a",
        Policy::Decorrelated => "#b05fc4",
        Policy::FullJitter => "#3d8fd1",
        Policy::Ours => "#2aa35a",
    }
}

/// Draws the runs of one plan as SVG.
pub(super) fn draw(plan: &Plan, runs: &[(Policy, Tally)], title: &str) -> String {
    let peak = runs
        .iter()
        .flat_map(|(_, tally)| rates(plan, tally))
        .fold(10.0_f64, |most, (_, rate)| most.max(rate));
    let decades = peak.log10().ceil().max(1.0);
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {HEIGHT}\" role=\"img\">\n\
         <style>{STYLE}</style>\n<text x=\"{LEFT}\" y=\"18\">{title}</text>\n\
         <text x=\"{LEFT}\" y=\"38\">requests a second</text>\n\
         <text x=\"{LEFT}\" y=\"250\">nodes recovered</text>\n",
    );
    for (secs, name) in MARKS.into_iter().filter(|(secs, _)| *secs <= end(plan)) {
        let at = x(plan, secs);
        for (top, bottom) in [CALLS, NODES] {
            let _ = writeln!(
                svg,
                "<line class=\"grid\" x1=\"{at:.1}\" x2=\"{at:.1}\" y1=\"{top}\" y2=\"{bottom}\"/>"
            );
        }
        let _ = writeln!(svg, "<text x=\"{at:.1}\" y=\"446\" text-anchor=\"middle\">{name}</text>");
    }
    let mut level = |y: f64, name: &str| {
        let _ =
            writeln!(svg, "<line class=\"grid\" x1=\"{LEFT}\" x2=\"{RIGHT}\" y1=\"{y:.1}\" y2=\"{y:.1}\"/>");
        let _ = writeln!(
            svg,
            "<text x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"end\">{name}</text>",
            LEFT - 6.0,
            y + 4.0
        );
    };
    let mut rate = 0.1;
    while rate <= 10_f64.powf(decades) * 1.01 {
        level(rate_y(rate, decades), &format!("{rate}"));
        rate *= 10.0;
    }
    for share in [0, 25, 50, 75, 100] {
        level(share_y(f64::from(share) / 100.0), &format!("{share} %"));
    }
    let y = rate_y(plan.rate, decades);
    let _ = writeln!(svg, "<line class=\"limit\" x1=\"{LEFT}\" x2=\"{RIGHT}\" y1=\"{y:.1}\" y2=\"{y:.1}\"/>");
    let at = x(plan, plan.limit().as_secs_f64());
    let (top, bottom) = NODES;
    let _ =
        writeln!(svg, "<line class=\"limit\" x1=\"{at:.1}\" x2=\"{at:.1}\" y1=\"{top}\" y2=\"{bottom}\"/>");
    for (index, (policy, tally)) in (0_u32..).zip(runs) {
        let paint = colour(*policy);
        let calls = rates(plan, tally).into_iter().map(|(secs, rate)| (x(plan, secs), rate_y(rate, decades)));
        let _ = writeln!(svg, "<path stroke=\"{paint}\" d=\"{}\"/>", path(calls));
        let shares = shares(plan, tally).into_iter().map(|(secs, share)| (x(plan, secs), share_y(share)));
        let _ = writeln!(svg, "<path stroke=\"{paint}\" d=\"{}\"/>", path(shares));
        let at = LEFT + 99.0 * f64::from(index);
        let _ = writeln!(
            svg,
            "<path stroke=\"{paint}\" d=\"M{at} 470h18\"/><text x=\"{}\" y=\"474\">{}</text>",
            at + 24.0,
            policy.name()
        );
    }
    svg.push_str("</svg>\n");
    svg
}

fn end(plan: &Plan) -> f64 {
    plan.after.as_secs_f64().max(10.0)
}

/// The time axis is logarithmic and begins one second after the return.
fn x(plan: &Plan, secs: f64) -> f64 {
    LEFT + (RIGHT - LEFT) * (secs.clamp(1.0, end(plan)).ln() / end(plan).ln())
}

fn rate_y(rate: f64, decades: f64) -> f64 {
    let (top, bottom) = CALLS;
    bottom - (bottom - top) * ((rate.max(0.1).log10() + 1.0) / (decades + 1.0))
}

fn share_y(share: f64) -> f64 {
    let (top, bottom) = NODES;
    bottom - (bottom - top) * share
}

fn moments(plan: &Plan) -> Vec<f64> {
    let of_all = |step| f64::from(step) / f64::from(STEPS);
    let mut moments: Vec<f64> = (0..=STEPS).map(|step| end(plan).powf(of_all(step))).collect();
    // Calls are counted per second.
    moments.dedup_by_key(|secs| secs.floor());
    moments
}

/// Calls a second between two moments.
fn rates(plan: &Plan, tally: &Tally) -> Vec<(f64, f64)> {
    let calls = tally.each_second();
    let mut from = 0;
    let mut rates = Vec::new();
    for secs in moments(plan) {
        let to = calls.len().min(whole(secs).max(from + 1));
        if from < to {
            let number: u64 = calls[from..to].iter().map(|n| u64::from(*n)).sum();
            #[expect(clippy::cast_precision_loss, reason = "far below 2^52")]
            rates.push((secs, number as f64 / (to - from) as f64));
            from = to;
        }
    }
    rates
}

fn shares(plan: &Plan, tally: &Tally) -> Vec<(f64, f64)> {
    let times = tally.recoveries();
    let share = |secs: f64| {
        let recovered =
            times.partition_point(|at| core::time::Duration::from_millis(*at).as_secs_f64() <= secs);
        #[expect(clippy::cast_precision_loss, reason = "far below 2^52")]
        let recovered = recovered as f64;
        (secs, recovered / f64::from(plan.nodes))
    };
    (0..=STEPS).map(|step| share(end(plan).powf(f64::from(step) / f64::from(STEPS)))).collect()
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "seconds of a month at most")]
fn whole(secs: f64) -> usize {
    secs as usize
}

fn path(points: impl Iterator<Item = (f64, f64)>) -> String {
    let mut path = String::new();
    for (x, y) in points {
        let _ = write!(path, "{}{x:.1} {y:.1}", if path.is_empty() { 'M' } else { 'L' });
    }
    path
}
