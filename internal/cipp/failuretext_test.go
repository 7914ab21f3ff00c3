package cipp

import "testing"

// The sentences are those of CIPP's source, its catch blocks above all.
func TestWhatMicrosoftSaysOfAFailureIsOneByItself(t *testing.T) {
	said := []string{"403 (Access Denied) for ada@foo.example", "ada@foo.example: 403 (Access Denied)", "Response status code does not indicate success: 500 (Internal Server Error).",
		"503 Service Unavailable", "Successfully removed ada@foo.example from 2 groups. AADSTS65001: consent has not been given", "The remote server returned an error: 502 (Bad Gateway)",
		"requires a P1 license", "AADSTS900023", "The CIPP user access token has expired", "Error 400 occured. There is an issue with the token configuration", "Failed to call Intune APIs",
		"AADSTS65001", "consent has not been given", "Resource temporarily unavailable", "The operation timed out", "A task was canceled", "Too many requests", "Successfully set 3 mailbox(es) to cloud management. Failed: 2"}
	for _, known := range classTexts {
		for _, text := range known.any {
			said = append(said, text, text+" for ada@foo.example", "ada@foo.example: "+text)
		}
	}
	for _, s := range said {
		if !SaysFailure(s) {
			t.Errorf("%q: taken for a success", s)
		}
	}
	for _, s := range []string{"Successfully created policy MFA required for guests", "Added template Blocked by Conditional Access", "Set MFA required to true", "Successfully set 3 mailbox(es) to cloud management. Failed: 0",
		"Processed 403 mailboxes - removed 500 permission(s)", "Successfully set throttled senders"} {
		if SaysFailure(s) {
			t.Errorf("%q: taken for a failure", s)
		}
	}
}

func TestWhatAFailureSoundsLike(t *testing.T) {
	for _, said := range []string{
		"Failed to execute Remove-CIPPUserMFA : the user was not found",
		"failed. Request_ResourceNotFound",
		"Error: Could not remove max@contoso.com from group 'All' because it is a Dynamic Group.",
		"Error - The command 'Get-X' does not exist and cannot be scheduled.",
		"Error preparing bulk group removal requests: throttled",
		"Could not remove license for max@contoso.com. Error: not found",
		"Could not determine the OneDrive site URL for max@contoso.com. The user may not have a provisioned OneDrive.",
		"Unable to retrieve usagerecord(s): forbidden",
		"WARNING: User max@contoso.com is AD Sync enabled. Please enable/disable in the local AD.",
		"Access denied. You do not have permission.",
		"Access to this tenant is not allowed",
		"You do not have permission to manage tenant groups.",
		"We've failed to edit the user",
		"We could not connect to the API to retrieve the permissions.",
		"No valid licenses were given",
		"Task with name Remove License: max@contoso.com already exists",
		"Task Failed: The term is not recognized",
		"Task blocked: 'Invoke-X' is not permitted to run as a scheduled task.",
		"Invalid action",
		"Invalid base64 image data: too short",
		"Unexpected error patching GDAP relationship: gone",
		"An unexpected error occurred: x",
		"An error occurred while editing the room list: x",
		"Something went wrong while deleting guest users: x",
		"Mapping API failed. x",
		"Function Error: x",
		"Graph Error: Resource not found - Endpoint: users",
		"User max@contoso.com not found in tenant contoso.com",
		"Insufficient privileges to complete the operation.",
		"Backup Creation failed: x",
		"Edit Tenant failed. The error is: x",
		"Approval request X was approved but Policy y still failed: z",
		"Client saved, but MCP app configuration failed: x",
		"Site deletion request failed (GroupSiteManager/Delete): x",
		"contoso.com: Failed to create autopilot devices. x",
		"Successfully removed MFA methods (phone) for user x. However, failed to remove (email). User may still have MFA methods assigned.",
		"Completed processing 3 DIDs for user 'x': 2 successful, 1 failed",
		"Bulk RemovePassword completed. Success: 2, Failures: 1",
		"Policy x was not deleted: this tenant requires multi-admin approval in Intune.",
		"The new secret was created, but the old one could not be removed - remove it manually.",
		"Tenant contoso.com could not be found",
	} {
		if !SaysFailure(said) {
			t.Errorf("%q: taken for a success", said)
		}
	}
	for _, said := range []string{
		"", "Successfully set account enabled state to False for max@contoso.com",
		"Successfully removed max@contoso.com from group 'Sales'",
		"Successfully converted max@contoso.com to a Shared mailbox. Warning: detected mailbox size is 60 GB, which exceeds the 50 GB shared mailbox limit.",
		"Skipping removal of max@contoso.com from group 'Reception' because it has assigned licenses. This group will be handled during the license removal step.",
		"Scheduled license removal for max@contoso.com. Licenses currently assigned that will be removed: Microsoft 365 E3.",
		"Removed directly assigned licenses for max@contoso.com: Microsoft 365 E3. Group-inherited licenses (x) will be removed automatically when group membership changes are processed.",
		"No licenses to remove for max@contoso.com", "No mailbox permissions found for max@contoso.com in cached data", "No MFA methods found for user max@contoso.com",
		"FullAccess permissions for a on b's mailbox were already removed or don't exist.",
		"Completed processing 3 DIDs for user 'x': 3 successful, 0 failed",
		"Bulk RemovePassword completed. Success: 2, Failures: 0",
		"Offboarding completed successfully for max@contoso.com", "Task completed successfully", "Task Offboarding: max@contoso.com scheduled to run now",
		"Processed 2 mailbox(es) - removed 3 permission(s)", "max@contoso.com is not a member of any groups.",
		"User max@contoso.com does not have an ImmutableID set or it is already cleared.", "Deleted the failed request",
	} {
		if SaysFailure(said) {
			t.Errorf("%q: taken for a failure", said)
		}
	}
}
