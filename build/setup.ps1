# Sets Orderdock up on Windows from the same hashed lock as everywhere else, without administrator rights:
#   powershell -ExecutionPolicy Bypass -File build\setup.ps1
# Then: .venv\Scripts\python.exe main.py
# This file is plain ASCII: Windows PowerShell 5 reads scripts in the machine's code page.
param([Parameter(ValueFromRemainingArguments = $true)][string[]] $Command)
$ErrorActionPreference = "Stop"
$root = Split-Path -Parent $PSScriptRoot
if (-not $Command) { $Command = @("setup") }

function Find-Python {
    # The launcher knows every installed Python; "python" alone may be the Store's empty stand-in.
    if (Get-Command py -ErrorAction SilentlyContinue) {
        foreach ($version in "3.13", "3.12", "3.11", "3.14") {
            $found = & cmd /c "py -$version -c ""import sys; print(sys.executable)"" 2>nul"
            if ($LASTEXITCODE -eq 0 -and $found) { return $found }
        }
    }
    foreach ($name in "python3", "python") {
        $candidate = Get-Command $name -ErrorAction SilentlyContinue
        if ($candidate -and $candidate.Source -notlike "*\WindowsApps\*") { return $candidate.Source }
    }
    return $null
}

$python = Find-Python
if (-not $python) {
    Write-Host "Orderdock needs Python 3.11 to 3.14 (64 bit). Install it and try again:"
    Write-Host "  winget install --scope user Python.Python.3.13"
    exit 1
}
Push-Location $root
try {
    & $python (Join-Path $PSScriptRoot "dev.py") @Command
    exit $LASTEXITCODE
} finally {
    Pop-Location
}
