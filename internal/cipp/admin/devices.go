package admin

import (
	"context"

	"syncd/internal/directory"
)

// Devices lists what Intune manages in a tenant.
func (a *Admin) Devices(ctx context.Context, t directory.Tenant) (Table, error) {
	rows, err := a.list(ctx, t, "ListDevices", nil)
	if err != nil {
		return Table{}, err
	}
	return tabulate(rows, false, col("device", "Device", "deviceName"), col("user", "User", "userPrincipalName"),
		col("system", "System", "operatingSystem"), col("version", "Version", "osVersion"),
		col("compliance", "Compliance", "complianceState"), col("model", "Model", "model"), col("serial", "Serial", "serialNumber"),
		timeCol("last_sync", "Last sync", "lastSyncDateTime"), col("id", "Id", "id")), nil
}
