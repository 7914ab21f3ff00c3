package pages

// Routes are the method, path and least role of every route.
func Routes() (all [][3]string) {
	for _, r := range table() {
		all = append(all, [3]string{r.method(), r.path(), string(r.role)})
	}
	return all
}

// Navigation is where the navigation leads.
func Navigation() (paths []string) {
	for _, p := range all {
		if p.name != "" {
			paths = append(paths, p.path)
		}
	}
	return paths
}
