// Package deploy is what syncd is run and watched with. A chart cannot hold files of other
// folders, so that it has copies; TestTheChartHasTheRulesAndDashboards holds them equal.
package deploy

//go:generate cp prometheus/syncd.rules.yml grafana/month.json grafana/running.json grafana/systems.json helm/syncd/files/
