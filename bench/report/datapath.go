// SPDX-License-Identifier: MIT OR Apache-2.0

package report

// DatapathGoals are what the datapath's parts are to reach.
var DatapathGoals = []RatioGoal{}
